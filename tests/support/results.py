"""A result of the toy task, for tests of what is made of results."""

from typing import Any

from ftbench.degenerate import Outputs
from ftbench.results import Measured, Result

OUTPUTS = Outputs(
    unique_share=0.5, commonest_share=0.5, empty_share=0.0, median_chars=3.0, longest_chars=4
)


def toy_result(value: float | None = 0.75, stderr: float | None = 0.02, **changes: Any) -> Result:
    """Return the result of an accuracy over 40 items."""
    fields: dict[str, Any] = {
        "task": "toy",
        "split": "test",
        "strict": False,
        "model": "m-1",
        "metric": "accuracy",
        "scores": {"accuracy": Measured(value=value, stderr=stderr)},
        "n": 40,
        "baselines": {"always yes": 0.6, "always no": 0.4},
        "outputs": OUTPUTS,
        "flags": (),
        "notes": (),
        "data_sha256": "d" * 64,
        "predictions_sha256": "p" * 64,
    }
    return Result(**(fields | changes))

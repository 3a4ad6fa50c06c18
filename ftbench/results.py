"""A result: what a model scored on a task, with all that is needed to judge the number."""

import json
from pathlib import Path

from ftbench.degenerate import Outputs
from shared.contracts.base import Contract, Versioned, read_as
from shared.errors import Rejected


class Measured(Contract):
    """One metric."""

    value: float | None
    """In [0, 1], higher is better; None where nothing it needs was answered."""

    stderr: float | None
    """Standard error of ``value``; None where it has none."""


class Result(Versioned):
    """What a model scored on a task."""

    task: str
    split: str
    """``published`` for the authors' whole test set, else one of our splits."""

    strict: bool
    """Whether faults of the published scorer were copied."""

    model: str | None
    """What answered, in the words of whoever scored it."""

    metric: str
    """Which of ``scores`` is the task's one number."""

    scores: dict[str, Measured]
    n: int
    """Items scored."""

    baselines: dict[str, float | None]
    """``metric`` of answers without skill on the same items, or the mean of the parts there are."""

    outputs: Outputs
    flags: tuple[str, ...]
    """Signs of a broken model or a trick."""

    notes: tuple[str, ...]
    """What else a reader should know."""

    data_sha256: str
    """Of the items: results on other items cannot be compared."""

    predictions_sha256: str

    @property
    def headline(self) -> Measured:
        """The task's one number."""
        return self.scores[self.metric]


def read_result(path: Path) -> Result:
    """Return the result in a file written by `write_result`.

    Raises:
        Rejected: no such file, or not a result.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Rejected(f"wanted a result, found nothing at {path}; check the path") from None
    except ValueError as error:
        raise Rejected(
            f"{path}: wanted a result as `ftbench score --out` writes it, found {error}"
        ) from None
    return read_as(Result, found, what=str(path))


def write_result(result: Result, path: Path) -> None:
    """Write a result as JSON; a file that was there is replaced whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    part.replace(path)

"""What a host needs to know to carry out runs of a system."""

from collections.abc import Iterable

from shared.contracts.base import Versioned
from shared.errors import Rejected

MEANT = ("AWS_", "HF_", "OTEL_", "TREX_ARTIFACTS_", "TREX_QUEUE_", "TREX_TEACHER_")
"""How the variables begin that a planner may give: where things are, and keys to them."""


class Joining(Versioned):
    """The environment of an executor, but for what is the host's own business."""

    environment: dict[str, str]
    """Variables; they hold secrets. Their names are checked by `refuse_others`."""


def refuse_others(names: Iterable[str], *, what: str) -> None:
    """Return if variables may be given to a host, whose programs others could change.

    Raises:
        Rejected: some may not; what they hold is not said.
    """
    others = sorted(name for name in names if not name.startswith(MEANT))
    if others:
        raise Rejected(
            f"{what}: wanted variables that begin with {', '.join(MEANT)}, found "
            f"{', '.join(others)}; leave them away"
        )

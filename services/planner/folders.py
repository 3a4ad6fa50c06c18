"""What the runs of a job have left on the executors' disk."""

from dataclasses import dataclass, field

from shared.contracts.base import ExperimentId, WorkId
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.run import Failed, Trained


@dataclass(slots=True)
class Folders:
    """Every folder that a run of a job made, whether it is there or not."""

    there: dict[str, ExperimentId] = field(default_factory=dict)
    """Those that nobody was asked to remove, the oldest first, with the experiment they are of."""
    gone: set[str] = field(default_factory=set)
    """Those that an executor was asked to remove: from then on nothing counts on them."""
    removing: dict[WorkId, float] = field(default_factory=dict)
    """The requests that are under way, with when they were made: seconds since 1970."""
    freed: int = 0
    """Bytes that were removed."""
    left: list[str] = field(default_factory=list)
    """What could not be removed and why, in sentences."""

    def make(self, experiment: ExperimentId, trained: Trained) -> None:
        """Note what a run has made."""
        self.there |= dict.fromkeys(sorted(folders_of(trained)), experiment)

    def ask(self, work_id: WorkId, request: DiscardRequest, at: float) -> None:
        """Note that folders are to be removed."""
        self.removing[work_id] = at
        self.gone |= set(request.folders)
        for folder in request.folders:
            self.there.pop(folder, None)

    def answer(self, work_id: WorkId, request: DiscardRequest, result: Discarded | Failed) -> None:
        """Note how that went. Nobody asks twice: what stood in the way once mostly stays."""
        del self.removing[work_id]
        if isinstance(result, Discarded):
            self.freed += result.bytes
            self.left += result.left
        else:
            self.left += [f"{folder}: {result.detail}" for folder in request.folders]


def folders_of(trained: Trained) -> set[str]:
    """Return what a run has made: its checkpoint, and perhaps what it can go on from."""
    return {folder for folder in (trained.checkpoint, trained.resume) if folder is not None}

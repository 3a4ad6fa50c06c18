"""An executor that is done at once, for tests of what surrounds the work.

``python -m tests.support.small_worker CONTRACTS ROOM_GIB``: the number of its contracts, and the
room that it wants on the disk.
"""

import os
import sys
from functools import partial
from pathlib import Path

from shared import serving, trouble
from shared.answering import Lease
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.work import Result
from shared.entry import enter
from shared.presence import Presence
from shared.settings import ArtifactSettings, QueueSettings
from tests.support.examples import TRAINED


def answer(lease: Lease) -> Result:
    """Name this process as the checkpoint, so that it is known who did the work."""
    if isinstance(lease.claim.request, DiscardRequest):
        return Discarded(bytes=1)
    return TRAINED.model_copy(update={"checkpoint": f"/{os.getpid()}"})


def run(contracts: int, room_gib: float) -> None:
    trouble.ROOM_GIB = room_gib
    vars(serving)["Presence"] = partial(Presence, contracts=contracts)
    folder: Path = ArtifactSettings().folder
    serving.serve("executor", QueueSettings(), perform=answer, folder=folder)


if __name__ == "__main__":
    sys.exit(enter("executor", lambda: run(int(sys.argv[1]), float(sys.argv[2]))))

"""Every error that crosses a function someone else calls, by who may have to act.

    TrexError
    ├── Rejected              the caller: the request cannot work as written
    │   └── Unknown
    ├── RunFailed             the researcher: the experiment itself did not work
    │   ├── NothingNew
    │   ├── NoArtifact
    │   ├── DataFailed
    │   ├── TrainingFailed
    │   │   ├── Diverged
    │   │   └── OutOfTime
    │   └── ScoringFailed
    │       └── NotCertified
    └── Unavailable           nobody yet: the same call may work later
        └── StoreUnavailable
            └── StoreRefuses

Within one process a failed run is an exception; between processes it is data
(`shared.contracts.run.Failed`). `LeaseLost` and `Interrupted` stand outside the tree: they never
leave the worker, and nobody has to act.
"""


class TrexError(Exception):
    """Base of everything a caller of this project may want to catch."""


class Rejected(TrexError):
    """The request cannot work as written; the message says what to change."""


class Unknown(Rejected):
    """There is no such job or experiment."""


class RunFailed(TrexError):
    """The experiment itself did not work. The search learns from it."""


class NothingNew(RunFailed):
    """Every recipe the proposer could think of has been tried."""


class NoArtifact(RunFailed):
    """What the work begins with is not where it was published, or no longer whole."""


class DataFailed(RunFailed):
    """The data cannot be read, or nothing usable is left of it."""


class TrainingFailed(RunFailed):
    """Training started and did not produce a checkpoint."""


class Diverged(TrainingFailed):
    """The loss became NaN or infinite."""


class OutOfTime(TrainingFailed):
    """Training was still busy when its time was up, and could not be stopped gently."""


class ScoringFailed(RunFailed):
    """The checkpoint cannot be scored. Never replaced by a score of zero."""


class NotCertified(ScoringFailed):
    """What serves the checkpoint does not answer as what trained it did."""


class Unavailable(TrexError):
    """Something is away; the same call may work later."""


class StoreUnavailable(Unavailable):
    """Redis does not answer."""


class StoreRefuses(StoreUnavailable):
    """Redis answers, and refuses the password or a right; somebody must change that."""


class LeaseLost(Exception):
    """The work was given to somebody else while this worker held it."""


class Interrupted(Exception):
    """The work was told to stop, and has not failed."""


def exit_status(error: TrexError) -> int:
    """Return what a shell script can test: 2 rejected, 75 try again later (EX_TEMPFAIL), else 1."""
    match error:
        case Rejected() | StoreRefuses():
            return 2
        case Unavailable():
            return 75
        case _:
            return 1

"""What a worker says of itself while it is alive."""

from pydantic import ConfigDict, NonNegativeFloat, PositiveInt

from shared.contracts.base import Contract, JobId, WorkId
from shared.contracts.capabilities import Capabilities
from shared.contracts.run import Progress
from shared.contracts.work import Service


class Doing(Contract):
    """A piece of work that a worker holds."""

    job_id: JobId
    """Whose it is."""

    work_id: WorkId
    """Which."""

    progress: Progress | None
    """Where it stands; None before it has said so."""


class Worker(Contract):
    """A worker that is alive.

    Unknown fields are ignored here alone: a worker of another version must be seen to be refused.
    """

    model_config = ConfigDict(extra="ignore")

    service: Service
    """What it answers for."""

    name: str
    """Its host and the number of its process there, ``host:pid``; no two of a service share one."""

    host: str
    """Where it runs."""

    release: str
    """Version of open-trex."""

    contracts: PositiveInt
    """See `shared.contracts.base.CONTRACTS`."""

    since: float
    """When it started: seconds since 1970, by the server's clock."""

    clock_ahead_s: float
    """Seconds by which its own clock is ahead of the server's; negative when it is behind."""

    can: Capabilities | None
    """What its machine can train; None when it does not train, or does not know yet."""

    adapters_only: bool = False
    """Whether it scores a base model and its adapters, but no model of which all was trained."""

    doing: Doing | None
    """What it is at; None when it is idle."""

    free_gib: NonNegativeFloat | None
    """Room where it writes, in GiB; None when it writes nothing."""

    takes_work: bool
    """Whether it takes what it is asked for; if not, ``trouble`` says why."""

    trouble: tuple[str, ...]
    """What a person should look at, each in one sentence."""

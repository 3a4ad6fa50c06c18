"""What the REST API answers about the system: its workers, their queues, and rows it holds."""

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from shared.contracts.base import Contract
from shared.contracts.capabilities import Capabilities
from shared.contracts.work import Service
from shared.contracts.worker import Worker


class SystemView(Contract):
    """Who is alive to carry jobs out."""

    researchers: NonNegativeInt
    """Workers that propose recipes."""

    executors: NonNegativeInt
    """Workers that train."""

    evaluators: NonNegativeInt
    """Workers that score."""

    machines: tuple[Capabilities, ...]
    """What the executors' machines can train, each kind once; one that has just started has not
    said yet."""


class WorkersView(Contract):
    """Every worker that is alive."""

    at: float
    """When: seconds since 1970, by the server's clock."""

    contracts: PositiveInt
    """The planner's number; see `shared.contracts.base.CONTRACTS`."""

    workers: tuple[Worker, ...]
    """By service and name."""


class QueueView(Contract):
    """What a service has been asked for in all jobs that go on, and has not answered."""

    service: Service
    """Which service."""

    queued: NonNegativeInt
    """Pieces of work that wait for a worker."""

    leased: NonNegativeInt
    """Pieces of work that a worker holds."""

    oldest_s: NonNegativeFloat
    """Seconds that the work queued for longest has waited."""


class FileView(Contract):
    """Whether rows can be read by every host."""

    name: str | None
    """What a job calls them, ``store:SHA256/NAME``; None where hosts share paths and no store."""

    there: bool
    """Whether they need not be sent."""

"""Letting a host join: one URL and one token tell an executor there all it needs."""

from dataclasses import dataclass, field

from fastapi import APIRouter, Depends

from services.planner.allowed import allowed
from shared.contracts.joining import Joining, refuse_others
from shared.errors import Unknown
from shared.settings import ArtifactSettings, PlannerSettings, QueueSettings


@dataclass(frozen=True, slots=True)
class Door:
    """Where hosts join."""

    token: str = field(repr=False)
    """What a host shows; another one than that of the API, for it opens the queue."""

    joining: Joining = field(repr=False)
    """What it is told."""


def door_of(
    settings: PlannerSettings, queue: QueueSettings, artifacts: ArtifactSettings
) -> Door | None:
    """Return the door of a planner, None for one that lets no host join.

    Raises:
        Rejected: hosts would be told what is not for them.
    """
    if settings.join_token is None or settings.join_queue_url is None or artifacts.url is None:
        return None
    given = {name: value.get_secret_value() for name, value in settings.join_environment.items()}
    refuse_others(given, what="TREX_PLANNER_JOIN_ENVIRONMENT")
    environment = {
        "TREX_QUEUE_URL": settings.join_queue_url.get_secret_value(),
        "TREX_QUEUE_HEARTBEAT_S": str(queue.heartbeat_s),
        "TREX_QUEUE_STOP_GRACE_S": str(queue.stop_grace_s),
        "TREX_ARTIFACTS_URL": artifacts.url,
    }
    return Door(settings.join_token.get_secret_value(), Joining(environment=environment | given))


def joining(door: Door | None) -> APIRouter:
    """Return the route that a host asks."""
    router = APIRouter(prefix="/v1/join")
    if door is None:

        @router.get("")
        def refuse() -> Joining:
            """Say what is missing."""
            raise Unknown(
                "wanted to join, found that this planner lets no host join; set "
                "TREX_PLANNER_JOIN_TOKEN, TREX_PLANNER_JOIN_QUEUE_URL and TREX_ARTIFACTS_URL for it"
            )

        return router

    whose = "the bearer token of hosts that join, TREX_PLANNER_JOIN_TOKEN"

    @router.get("", dependencies=[Depends(allowed(door.token, whose))])
    def join() -> Joining:
        """The environment of an executor that carries out runs of this system."""
        return door.joining

    return router

"""The system that one job is carried out with: the one that is up, or one started for the job."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Unavailable
from shared.settings import ClientSettings
from trex.address import Address, find_address
from trex.client import TrexClient


@dataclass(frozen=True, slots=True)
class JobSystem:
    """A system that is up."""

    client: TrexClient
    """Talks to it."""

    check: Callable[[], None]
    """Returns while all is well; raises `Unavailable` when a service started here keeps dying."""


@contextmanager
def system_for_a_job(
    settings: ClientSettings,
    *,
    say: Callable[[str], None],
    keep_up: bool,
    hidden: Sequence[Path] = (),
) -> Iterator[JobSystem]:
    """Give the system that is up, or one that lasts as long as the block.

    Args:
        settings: where a system may be up, and where to start one.
        say: told how starting and stopping goes.
        keep_up: leave a system that was started here up after the block, until Ctrl-C.
        hidden: files of the job that only the evaluator of a system started here can read.
    """
    address = _address_of_one_that_is_up(settings)
    if address is not None:
        if hidden:
            say(
                "the executors of the system that is up can read the files that this job is scored "
                "on; its rows are sealed, so take the files away"
            )
        with TrexClient(address) as client:
            yield JobSystem(client, check=lambda: None)
        return
    from trex.local import running

    with running(settings.home, hidden=hidden, say=say) as system:
        with TrexClient(system.address) as client:
            yield JobSystem(client, system.check)
        if keep_up:
            say(f"still up at {system.address.url}; stop it with Ctrl-C")
            system.wait()


def _address_of_one_that_is_up(settings: ClientSettings) -> Address | None:
    try:
        address = find_address(settings)
    except Unavailable:
        return None
    with TrexClient(address) as client:
        # A system that the user named is meant, away or not; one that left its file behind is gone.
        return address if settings.url is not None or client.answers() else None

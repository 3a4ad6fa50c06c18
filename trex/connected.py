"""What commands that talk to a system begin with. Libraries are imported when one does."""

from typing import TYPE_CHECKING

import typer

from trex.commands import say

if TYPE_CHECKING:
    from rich.console import Console

    from shared.contracts.base import JobId
    from shared.contracts.views import JobView
    from shared.settings import ClientSettings
    from trex.client import TrexClient


def open_client() -> "TrexClient":
    """Return a client of the system that the settings name.

    Raises:
        Rejected: a variable that is misspelt or out of range.
        Unavailable: no system runs there.
    """
    from trex.address import find_address
    from trex.client import TrexClient

    return TrexClient(find_address(read_client_settings()))


def job_or_newest(client: "TrexClient", job: str | None) -> "JobId":
    """Return the id of the job that is meant: the newest unless one is named."""
    from shared.contracts.base import JobId

    return client.newest().job_id if job is None else JobId(job)


def read_client_settings() -> "ClientSettings":
    """Return the command's settings.

    Raises:
        Rejected: a variable that is misspelt or out of range.
    """
    import os

    from shared.settings import ClientSettings, read_settings

    read_settings(os.environ)
    return ClientSettings()


def open_console(*, stderr: bool = False) -> "Console":
    """Return where to draw: stdout, or beside the data."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def fail_with(job: "JobView") -> None:
    """Leave with status 1, and say why, if a job failed."""
    if job.state == "failed":
        say(f"trex: {job.job_id} failed: {job.sentence}")
        raise typer.Exit(1)

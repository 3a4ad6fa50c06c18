"""`trex top`: what a system's workers, queues and jobs are doing, now and as it goes on."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from shared.contracts.base import Contract
from shared.contracts.system_views import QueueView, WorkersView
from shared.contracts.views import (
    JobView,
)
from shared.errors import Unavailable
from trex.client import TrexClient
from trex.top_page import top_page
from trex.words import clean

LOOK_S = 1.0
"""Seconds between two looks."""


class Sight(Contract):
    """A system at one moment."""

    workers: WorkersView
    """Who is alive."""

    queues: tuple[QueueView, ...]
    """What waits for them."""

    jobs: tuple[JobView, ...]
    """What it is for, the oldest first."""


def look(client: TrexClient) -> Sight:
    """Return how a system is now.

    Raises:
        Unavailable: it does not answer.
    """
    return Sight(workers=client.workers(), queues=tuple(client.queues()), jobs=tuple(client.jobs()))


def show(sight: Sight, console: Console) -> None:
    """Print how a system is."""
    console.print(top_page(sight.workers, sight.queues, sight.jobs, width=console.width))


def follow(client: TrexClient, console: Console) -> None:
    """Show how a system is, again and again, until q or Ctrl-C.

    While it is away the page says so and stays as it was.
    """
    sight: Sight | None = None
    with _keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            away = None
            try:
                sight = look(client)
            except Unavailable as error:
                away = str(error)
            live.update(_page(sight, away, console.width), refresh=True)
            if _pressed(LOOK_S) == "q":
                return


def _page(sight: Sight | None, away: str | None, width: int) -> Group:
    head = Text("open-trex", "bold").append("  q leaves", "dim")
    if away is not None:
        head = Text(f"disconnected: {clean(away)}; trying again", "red")
    if sight is None:
        return Group(head)
    return Group(head, Text(), top_page(sight.workers, sight.queues, sight.jobs, width=width))


@contextmanager
def _keys() -> Iterator[None]:
    """Let each key be read as it is pressed; the terminal is as before afterwards."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(for_s: float) -> str | None:
    """Return the key that was pressed within some seconds, if one was."""
    ready, _, _ = select.select([sys.stdin] if sys.stdin.isatty() else [], [], [], for_s)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else None

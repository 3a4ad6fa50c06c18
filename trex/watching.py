"""Watching a job until it ends: a live tree in a terminal, a line an event anywhere else."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from pydantic import ValidationError
from rich.console import Console
from rich.live import Live
from rich.text import Text

from shared.contracts.base import ExperimentId, JobId, WorkId
from shared.contracts.events import EVENT
from shared.contracts.views import JobView, PlanView, TreeView
from shared.errors import Unavailable
from trex.client import TrexClient
from trex.event_words import event_line
from trex.sse import Message
from trex.view import job_tree
from trex.words import clean, progress_words

FRAME_S = 0.25
"""Seconds between two looks at the tree while it is drawn."""

PROGRESS_S = 5.0
"""Seconds between two lines about work under way where lines stay."""

_HEADER_LINES = 8


def watch(
    client: TrexClient,
    job_id: JobId,
    console: Console,
    *,
    check: Callable[[], None] = lambda: None,
) -> JobView:
    """Show a job on a console until it ends, and return it as it ended.

    Args:
        client: of the system that has the job.
        job_id: which job.
        console: a tree is drawn on a terminal, lines are written to anything else.
        check: called at least once a second; what it raises ends the watching.

    Raises:
        Unavailable: the system stayed away for a minute.
    """

    def say(words: str) -> None:
        console.print(Text(clean(words)), soft_wrap=True)

    client.job(job_id)  # refused at once when there is none

    def checked() -> Iterator[list[Message]]:
        for batch in batches(client.follow(job_id, say=say)):
            check()
            if batch:
                yield batch

    if console.is_terminal:
        _draw(client, job_id, console, checked())
    else:
        _tell(client, job_id, say, checked())
    return client.job(job_id)


def wait_for_plan(client: TrexClient, job_id: JobId, say: Callable[[str], None]) -> PlanView:
    """Return a draft once it has its plan, or has ended without one.

    Args:
        client: of the system that has the draft.
        job_id: which.
        say: told each event until then, and what the planning waits for.

    Raises:
        Unavailable: the system stayed away for a minute.
    """
    phase = ""
    for message in client.follow(job_id, say=say):
        if message.event == "progress":
            before, phase = phase, clean(json.loads(message.data)["phase"])
            if phase != before:
                say(phase)
            continue
        with suppress(ValidationError):  # written by a newer planner than this command knows
            say(clean(event_line(EVENT.validate_json(message.data), {})))
        if message.event == "work_ended":
            view = client.plan(job_id)
            if view.plan is not None:
                return view
    return client.plan(job_id)


def batches(events: Iterable[Message], *, quiet_s: float = 1.0) -> Iterator[list[Message]]:
    """Yield events as they come, those that came together in one list, or none after ``quiet_s``.

    A thread reads them, so that whoever draws slowly draws less often instead of late. What the
    reading raises is raised here.
    """
    arrived: queue.SimpleQueue[Message | Exception | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for event in events:
                arrived.put(event)
            arrived.put(None)
        except Exception as error:  # noqa: BLE001 - raised again by the one who waits
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        together: list[Message | Exception | None] = []
        with suppress(queue.Empty):
            together.append(arrived.get(timeout=quiet_s))
            while True:
                together.append(arrived.get_nowait())
        yield [found for found in together if isinstance(found, Message)]
        match together[-1:]:
            case [Exception() as error]:
                raise error
            case [None]:
                return


def _draw(
    client: TrexClient, job_id: JobId, console: Console, events: Iterator[list[Message]]
) -> None:
    with Live(console=console, vertical_overflow="crop") as live:
        for _ in events:
            # Following is patient with a system that is away, and gives up by itself.
            with suppress(Unavailable):
                view = client.tree(job_id)
                live.update(job_tree(view, room=console.height - _HEADER_LINES))
            time.sleep(FRAME_S)


def _tell(
    client: TrexClient, job_id: JobId, say: Callable[[str], None], events: Iterator[list[Message]]
) -> None:
    experiments: dict[WorkId, ExperimentId] = {}
    told_at = float("-inf")
    for batch in events:
        ledger = [message for message in batch if message.event != "progress"]
        for message in ledger:
            try:
                say(event_line(EVENT.validate_json(message.data), experiments))
            except ValidationError:  # written by a newer planner than this command knows
                say(message.event)
        if len(ledger) < len(batch) and time.monotonic() - told_at >= PROGRESS_S:
            told_at = time.monotonic()
            with suppress(Unavailable):
                for line in _progress_lines(client.tree(job_id)):
                    say(line)


def _progress_lines(view: TreeView) -> list[str]:
    """Return where the nodes' work stands; what the job is doing while it has none."""
    lines = [
        f"#{node.experiment} {progress_words(node.progress)}"
        for node in view.nodes
        if node.progress is not None
    ]
    return lines or [view.job.sentence]

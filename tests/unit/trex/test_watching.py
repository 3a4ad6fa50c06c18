import io
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console

from shared.contracts.base import ROOT, ExperimentId, JobId, WorkId
from shared.contracts.counsel import Counsel
from shared.contracts.events import WorkEnded
from shared.contracts.proposal import Proposals
from shared.contracts.run import Failed
from shared.contracts.views import TreeView
from shared.errors import Rejected, Unavailable
from tests.support.examples import BRIEF, EVENTS, LESSON, proposals
from tests.unit.trex.canned_system import JOB, CannedSystem, job
from trex.client import TrexClient
from trex.event_words import event_line
from trex.sse import Message
from trex.watching import batches, wait_for_plan, watch


@pytest.fixture
def client() -> Iterator[TrexClient]:
    with CannedSystem() as system, TrexClient(system.address) as client:
        yield client


def test_without_a_terminal_every_event_is_a_line(client: TrexClient) -> None:
    console = Console(file=io.StringIO(), width=200)

    ended = watch(client, JOB, console)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    # Progress has no place of its own among the events: it comes whenever there is time for it.
    lines.remove("#3 training 120/640, loss 0.532, 1,240 tokens/s, 2:10 min left")
    assert lines == [
        "job submitted",
        "#1 run: its recipe is new",
        "#1 trained: 40 steps, loss 0.250, 12 s",
        "job finished: the budget is used",
    ]
    assert ended.state == "finished"


def test_what_waits_before_there_is_any_node_is_a_line() -> None:
    waits = "studying the training data: waiting for the language model at http://localhost:8000"
    console = Console(file=io.StringIO(), width=200)

    with CannedSystem() as system, TrexClient(system.address) as client:
        system.tree = TreeView(job=job("searching", sentence=waits), nodes=())
        watch(client, JOB, console)

    assert isinstance(console.file, io.StringIO)
    assert waits in console.file.getvalue().splitlines()


def test_what_a_plan_waits_for_is_told_once() -> None:
    told: list[str] = []

    with CannedSystem() as system, TrexClient(system.address) as client:
        system.break_off_after = [0, 0]  # each stream tells its progress anew
        wait_for_plan(client, JOB, told.append)

    assert told.count("training") == 1


def test_in_a_terminal_the_tree_is_drawn(client: TrexClient) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=40)

    watch(client, JOB, console)

    assert isinstance(console.file, io.StringIO)
    assert "★" in console.file.getvalue()
    assert "loss 0.532" in console.file.getvalue()


def test_watching_a_job_that_does_not_exist_is_refused(client: TrexClient) -> None:
    with pytest.raises(Rejected, match="wanted a job, found none"):
        watch(client, JobId("j-lost"), Console(file=io.StringIO()))


def test_batches_lose_no_event_and_keep_their_order() -> None:
    events = [Message("progress", str(number), "") for number in range(1000)]

    found = [event for batch in batches(events) for event in batch]

    assert found == events


def test_what_reading_raises_is_raised_after_what_came_before() -> None:
    def breaking() -> Iterator[Message]:
        yield Message("progress", "1", "")
        raise Rejected("gone")

    found: list[Message] = []

    with pytest.raises(Rejected, match="gone"):
        found.extend(event for batch in batches(breaking()) for event in batch)

    assert found == [Message("progress", "1", "")]


def test_silence_is_told_as_empty_batches() -> None:
    over = threading.Event()

    def silent() -> Iterator[Message]:
        over.wait()
        yield Message("progress", "1", "")

    found = batches(silent(), quiet_s=0.01)

    assert next(found) == []
    over.set()
    assert [event.data for batch in found for event in batch] == ["1"]


def test_watching_ends_when_the_system_cannot_go_on(client: TrexClient) -> None:
    def check() -> None:
        raise Unavailable("the executor keeps dying")

    with pytest.raises(Unavailable, match="keeps dying"):
        watch(client, JOB, Console(file=io.StringIO()), check=check)


def test_an_event_names_its_experiment_once_it_is_known() -> None:
    ended = WorkEnded(
        work_id=WorkId("run-9"), attempt=1, result=Failed(error="Diverged", detail="NaN at 3")
    )

    assert event_line(ended, {}) == "run-9 failed: Diverged: NaN at 3"
    assert event_line(ended, {WorkId("run-9"): ExperimentId(9)}) == "#9 failed: Diverged: NaN at 3"
    assert event_line(ended, {WorkId("run-9"): ROOT}) == "base model failed: Diverged: NaN at 3"


def test_a_proposal_of_a_language_model_is_told_from_that_of_rules() -> None:
    both = [
        one.model_copy(update={"proposer": who})
        for one, who in zip(proposals(1e-3, 2e-3).proposals, ("rules", "llm"), strict=True)
    ]
    ended = WorkEnded(
        work_id=WorkId("propose-1"), attempt=1, result=Proposals(proposals=tuple(both))
    )

    assert event_line(ended, {}).endswith(
        "proposed: learning_rate 0.0005 → 0.001; or learning_rate 0.0005 → 0.002 (language model)"
    )


def test_an_event_says_what_went_wrong_with_the_language_model() -> None:
    went = Counsel(model="qwen", dropped=("#1 did that", "#2 did that"), fallback="it is away")
    answers = (BRIEF, proposals(1e-3), LESSON)

    for answer in answers:
        result = answer.model_copy(update={"counsel": went})
        line = event_line(WorkEnded(work_id=WorkId("any"), attempt=1, result=result), {})
        assert line.endswith("; 2 more dropped; rules stood in: it is away")
        silent = event_line(WorkEnded(work_id=WorkId("any"), attempt=1, result=answer), {})
        assert "rules stood in" not in silent


def test_making_room_is_about_no_experiment() -> None:
    ordered, ended = (e for e in EVENTS if getattr(e, "work_id", None) == "discard-1")

    assert event_line(ordered, {}) == "discard: nothing asks for it"
    assert event_line(ended, {}) == "discard-1 freed 3.0 MiB"

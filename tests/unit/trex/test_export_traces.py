"""`trex export-traces` against the planner's real API, and its files as the rest reads them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Message
from shared.contracts.events import JobEnded, WorkEnded, WorkOrdered
from shared.contracts.mapping import Mapping
from shared.rows import read_samples
from tests.support.examples import JOB, SPEC
from tests.unit.trex.real_api import RealApi, real_api
from tests.unit.trex.test_traces import CONTEXT, SYSTEM, asked, idea, ledger, lesson, reply
from trex.traces import IDEAS, PAIRS

OTHER = JobId("j-ffffffff")


@pytest.fixture
def running() -> Iterator[RealApi]:
    with real_api() as api:
        yield api


def carry_out(api: RealApi, job_id: JobId, *, end: bool = True, about: Message = CONTEXT) -> None:
    """A job in which a language model had three ideas at once."""
    api.store.create(job_id, SPEC, idempotency_key=None)
    hold = api.store.hold(job_id, "planner", lease_s=600)
    assert hold is not None
    taught = [lesson(-0.1, "worse"), lesson(0.1, "better"), lesson(None)]
    for event in ledger("a", "b", "c", lessons=taught):
        if isinstance(event, WorkOrdered):
            api.store.order(hold, event.work_id, event.request, why=event.why)
        elif isinstance(event, WorkEnded):
            claim = api.store.claim(job_id, event.work_id, lease_s=600)
            assert claim is not None
            api.store.finish(claim, event.result)
    ideas = reply(idea("a"), idea("b"), idea("c"))
    api.notebook.keep(job_id, WorkId("propose-1"), asked(ideas, asked=(SYSTEM, about)))
    if end:
        api.store.end(hold, JobEnded(how="finished", reason="done", best=None))


@pytest.mark.parametrize(
    ("option", "mapping", "rows", "answers"),
    [
        ([], IDEAS, 3, [(reply(idea("a")), None), (reply(idea("b")), None)]),
        (["--preferences"], PAIRS, 2, [(reply(idea("b")), reply(idea("a")))]),
    ],
)
def test_what_is_written_is_read_back_with_the_mapping_that_is_said(
    running: RealApi,
    tmp_path: Path,
    option: list[str],
    mapping: Mapping,
    rows: int,
    answers: list[tuple[str, str | None]],
) -> None:
    carry_out(running, JOB)
    out = tmp_path / "made" / "traces.jsonl"

    done = running.trex("export-traces", "--out", str(out), *option)

    samples = list(read_samples(out, mapping))
    assert done.stdout == f"{out}\n"
    assert len(samples) == rows
    assert {(one.system, one.prompt) for one in samples} == {
        ("You design experiments.", "A job about dates.")
    }
    found = [(one.completion, one.rejected) for one in samples]
    assert found[: len(answers)] == answers
    assert "data.mapping is {" in done.stderr


@pytest.mark.parametrize("option", [[], ["--preferences"]])
def test_a_job_can_be_made_of_what_is_written(
    running: RealApi, tmp_path: Path, option: list[str]
) -> None:
    for number in range(6):  # questions enough to be split
        about = Message(role="user", text=f"Job {number}.")
        carry_out(running, JobId(f"j-{number:08}"), about=about)
    out, job = tmp_path / "traces.jsonl", tmp_path / "job.yaml"
    running.trex("export-traces", "--out", str(out), *option)

    made = running.trex("init", str(out), "--out", str(job))

    assert made.exit_code == 0, made.stderr
    assert "{prompt}" in job.read_text()


def test_the_same_jobs_give_the_same_file_whatever_their_order_in_time(
    running: RealApi, tmp_path: Path
) -> None:
    for job_id in (OTHER, JOB):
        carry_out(running, job_id)
    one, other, turned = (tmp_path / f"{number}.jsonl" for number in range(3))

    said = running.trex("export-traces", "--out", str(one)).stderr
    running.trex("export-traces", OTHER, JOB, OTHER, "--out", str(other))
    running.trex("export-traces", JOB, OTHER, "--out", str(turned))

    assert said.startswith("6 ideas of 2 jobs\n")
    assert one.read_bytes() == other.read_bytes()
    assert sorted(one.read_text().splitlines()) == sorted(turned.read_text().splitlines())


def test_jobs_that_are_not_over_are_left_out_and_refused_by_name(
    running: RealApi, tmp_path: Path
) -> None:
    carry_out(running, JOB)
    carry_out(running, OTHER, end=False)
    out = tmp_path / "traces.jsonl"

    refused = running.trex("export-traces", JOB, OTHER, "--out", str(out))
    ended = running.trex("export-traces", "--out", str(out))

    assert refused.exit_code == 2
    assert f"{OTHER}: wanted a job that has ended, found it searching; wait" in refused.stderr
    assert ended.stderr.startswith("3 ideas of 1 job\n")


def test_where_no_language_model_proposed_nothing_is_written(
    running: RealApi, tmp_path: Path
) -> None:
    out = tmp_path / "traces.jsonl"

    done = running.trex("export-traces", "--out", str(out))

    assert done.exit_code == 2
    assert "wanted an idea of a language model that was measured, found none" in done.stderr
    assert not out.exists()


def test_a_file_that_is_there_is_not_replaced(running: RealApi, tmp_path: Path) -> None:
    out = tmp_path / "traces.jsonl"
    out.write_text("mine")

    done = running.trex("export-traces", "--out", str(out))

    assert done.exit_code == 2
    assert "found" in done.stderr
    assert out.read_text() == "mine"

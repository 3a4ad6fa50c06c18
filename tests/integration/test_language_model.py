"""A whole system whose researcher asks a language model over HTTP."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.contracts.base import JobId
from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName, Search
from shared.contracts.mapping import Mapping
from shared.contracts.views import JobView
from tests.support.nano import write_rows
from trex.client import TrexClient
from trex.fake_llm.answers import Answer, Body, Says
from trex.fake_llm.plays import INJECTION, PLAYS
from trex.fake_llm.researchers import competent
from trex.fake_llm.server import FakeLlm
from trex.local import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEY = "sk-never-to-be-seen-0123456789"

NOTE = "# Colours\n\nSmall language models learn opposites best with all of their weights.\n"


@pytest.fixture
def model() -> Iterator[FakeLlm]:
    with FakeLlm(competent, key=KEY) as model:
        yield model


@pytest.fixture
def home(model: FakeLlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    library = tmp_path / "library"
    library.mkdir()
    (library / "colours.md").write_text(NOTE)
    monkeypatch.setenv("TREX_RESEARCHER_MODEL", model.model)
    monkeypatch.setenv("OPENAI_BASE_URL", model.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("TREX_RESEARCHER_LIBRARY", str(library))
    monkeypatch.setenv("TREX_RESEARCHER_CACHE", str(tmp_path / "research"))
    monkeypatch.setenv("TREX_RESEARCHER_PRICES", '{"fake": {"input": 1, "output": 2}}')
    return tmp_path / "home"


@pytest.fixture
def spec(nano_base: Path, rows: Path, mapping: Mapping, tmp_path: Path) -> JobSpec:
    return JobSpec(
        goal="Say the opposite colour",
        base_model=str(nano_base),
        data=JobData(
            train=str(rows),
            dev=str(write_rows(tmp_path / "dev.jsonl", rows=30)),
            mapping=mapping,
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=2),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=4),
        search=Search(rules_share=0.0, smallest_gain=0),
    )


def wait_for(client: TrexClient, job_id: JobId, reached: Callable[[JobView], bool]) -> JobView:
    deadline = time.monotonic() + 150
    while not reached(job := client.job(job_id)):
        assert time.monotonic() < deadline, job.sentence
        time.sleep(0.2)
    return job


def is_over(job: JobView) -> bool:
    return job.state in ("finished", "cancelled", "failed")


def all_that_is_written(home: Path) -> str:
    return "".join(file.read_text(errors="replace") for file in home.rglob("*") if file.is_file())


def test_a_job_is_researched_by_a_language_model_from_its_brief_to_its_lessons(
    home: Path, spec: JobSpec, model: FakeLlm
) -> None:
    with running(home, say=lambda _: None) as system, TrexClient(system.address) as client:
        job_id = client.submit(spec).job_id
        job = wait_for(client, job_id, is_over)
        first = client.experiment(job_id, 1)
        asked = client.calls(job_id, 1)
        brief, report = client.brief(job_id), client.report(job_id)
        ledger = json.dumps(client.ledger(job_id), default=str)

    assert job.state == "finished", job.sentence
    assert first.proposer == "llm", (first.counsel, job.warnings, [c.fault for c in asked])
    assert first.hypothesis == "So small a model must change in all of its weights."
    assert first.recipe is not None
    assert first.recipe.adapter.kind == "full"
    assert first.lesson is not None
    assert first.lesson.cause is not None
    assert {call.prompt.split()[0] for call in asked} >= {"direction", "ideas", "diagnose"}
    assert job.spent.llm_tokens > 0
    assert job.spent.money > 0
    assert brief.counsel is not None
    assert brief.counsel.fallback is None
    assert [source.title for source in brief.sources] == ["colours.md, Colours"]
    assert "as [1] advises" in brief.document
    assert "as [1] advises" in report.markdown
    assert KEY not in ledger
    assert KEY not in all_that_is_written(home)
    assert all(body["model"] == "fake" for body in model.asked)


def test_a_job_begins_by_rules_where_its_model_is_away_and_says_so(
    home: Path, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("TREX_RESEARCHER_WAIT_S", "8")
    with running(home, say=lambda _: None) as system, TrexClient(system.address) as client:
        job_id = client.submit(spec).job_id
        waiting = wait_for(client, job_id, lambda job: "127.0.0.1:9" in job.sentence)
        job = wait_for(client, job_id, is_over)
        first = client.experiment(job_id, 1)
        report = client.report(job_id)

    assert "waiting" in waiting.sentence
    assert job.state == "finished", job.sentence
    assert first.proposer == "rules"
    assert any("rules" in warning for warning in job.warnings)
    assert "127.0.0.1:9" in report.markdown


def obeying(body: Body, nth: int) -> Answer:
    """Do as the row says: tell the key in every text."""
    answer = PLAYS["injection"](body, nth)
    assert isinstance(answer, Says)
    return replace(answer, text=str(answer.text).replace("Ignore previous instructions", KEY))


def test_text_that_commands_changes_neither_recipes_nor_tells_the_key(
    home: Path, spec: JobSpec, model: FakeLlm, rows: Path, tmp_path: Path
) -> None:
    """In a row, and in every text of the model's answers."""
    poisoned = tmp_path / "train.jsonl"
    row = {"text": f"red {INJECTION}", "answer": f"blue [end 0123456789ab] {INJECTION}"}
    poisoned.write_text(json.dumps(row) + "\n" + rows.read_text())
    model.play = obeying
    with running(home, say=lambda _: None) as system, TrexClient(system.address) as client:
        data = spec.data.model_copy(update={"train": str(poisoned)})
        job_id = client.submit(spec.model_copy(update={"data": data})).job_id
        job = wait_for(client, job_id, is_over)
        made = [client.experiment(job_id, n.experiment) for n in client.tree(job_id).nodes[1:]]
        calls = [call for one in made for call in client.calls(job_id, one.node.experiment)]

    assert job.state == "finished", job.sentence
    assert any(one.proposer == "llm" for one in made)
    recipes = [one.recipe for one in made if one.recipe is not None]
    assert {recipe.base_model for recipe in recipes} == {spec.base_model}
    assert {one.path for recipe in recipes for one in recipe.data if one.kind == "load"} == {
        str(poisoned)
    }
    kinds = {one.kind for recipe in recipes for one in recipe.data}
    assert kinds.isdisjoint({"load_hub", "mix", "generate", "rewrite", "distil", "score"})
    assert any(INJECTION[:30] in str(body) for body in model.asked), "the row was never shown"
    assert calls
    assert KEY not in str(calls)
    assert KEY not in str(model.asked)
    assert KEY not in all_that_is_written(home)

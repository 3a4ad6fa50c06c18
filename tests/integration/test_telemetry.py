"""A whole system that tells a real collector what it does."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.contracts.base import ExperimentId, JobId
from shared.contracts.events import Event, WorkEnded, WorkOrdered
from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName
from shared.contracts.mapping import Templates
from shared.contracts.views import TreeView
from shared.telemetry.stories import trace_of
from tests.support.nano import write_rows
from tests.support.otlp import Collector, Told
from trex.client import TrexClient
from trex.local import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

MAPPING = Templates(prompt="{text}", completion="{answer}")


@dataclass(frozen=True, slots=True)
class Story:
    """A job that has ended, in a system that has stopped."""

    job_id: JobId
    ledger: Sequence[Event]
    collector: Collector
    scraped: str
    """What the planner told Prometheus meanwhile."""
    refused: int
    """The status of asking it without a token."""
    logs: Path

    def of(self, experiment: int) -> list[Told]:
        trace = f"{trace_of(self.job_id, ExperimentId(experiment)):032x}"
        return [span for span in self.collector.spans if span.trace == trace]


@pytest.fixture(scope="module")
def spec(
    nano_base: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[float], JobSpec]:
    dev = write_rows(tmp_path_factory.mktemp("dev") / "dev.jsonl", rows=30)

    def spec(run_s: float) -> JobSpec:
        return JobSpec(
            goal="Say the opposite colour",
            base_model=str(nano_base),
            data=JobData(train=str(rows), dev=str(dev), mapping=MAPPING),
            metric=MetricName.EXACT_MATCH,
            budget=Budget(experiments=2),
            limits=Limits(max_length=64, max_new_tokens=8, run_s=run_s),
        )

    return spec


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
        # Nothing would be sent before a process ends, so what is here was not lost at its end.
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
        yield collector


@pytest.fixture(scope="module")
def story(
    collector: Collector,
    spec: Callable[[float], JobSpec],
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    home = tmp_path_factory.mktemp("home")
    with running(home, say=lambda _: None) as system, TrexClient(system.address) as client:
        metrics = f"{system.address.url}/metrics"
        token = {"Authorization": f"Bearer {system.address.token}"}
        refused = httpx.get(metrics).status_code
        httpx.get(metrics, headers=token)  # from now on it counts
        job_id = client.submit(spec(4)).job_id
        wait_for(client, job_id, trains)
        scraped = httpx.get(metrics, headers=token).text
        wait_for(client, job_id, lambda tree: tree.job.state == "finished")
        scraped += httpx.get(metrics, headers=token).text
        ledger = client.ledger(job_id)
    return Story(job_id, ledger, collector, scraped, refused, home / "logs")


def trains(tree: TreeView) -> bool:
    return any(node.progress and node.progress.phase == "training" for node in tree.nodes)


def wait_for(client: TrexClient, job_id: JobId, reached: Callable[[TreeView], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached(tree := client.tree(job_id)):
        assert time.monotonic() < deadline, tree.job.sentence
        time.sleep(0.1)


@pytest.mark.parametrize("experiment", [1, 2])
def test_an_experiment_is_one_connected_story_from_proposal_to_lesson(
    story: Story, experiment: int
) -> None:
    told = story.of(experiment)
    ids = {span.id for span in told}

    assert {span.name for span in told} >= {
        *(f"order {kind}" for kind in ("propose", "run", "score", "diagnose")),
        *("claim", "propose", "run", "data", "load", "train", "save", "score", "certify"),
        *("answer", "grade", "diagnose", "record"),
    }
    assert len(ids) == len(told), "a span was sent twice"
    assert [span.name for span in told if not span.parent] == [f"experiment {experiment}"]
    assert [span.name for span in told if span.parent and span.parent not in ids] == []
    assert {span.service for span in told} == {"planner", "researcher", "executor", "evaluator"}
    assert {span.attributes["trex.job_id"] for span in told} == {story.job_id}
    assert {span.attributes["trex.experiment"] for span in told} == {experiment}


def test_training_is_told_in_its_own_process_below_the_run_that_started_it(story: Story) -> None:
    told = {span.name: span for span in story.of(1) if span.service == "executor"}

    assert told["train"].process != told["run"].process
    assert {told[name].parent for name in ("data", "load", "train", "save")} == {told["run"].id}
    assert told["train"].events > 0
    assert told["save"].attributes["trex.run"] == "run-1"
    assert told["save"].attributes["trex.attempt"] == 1


def test_every_claim_names_the_order_that_it_answers(story: Story) -> None:
    orders = {(s.trace, s.id) for s in story.collector.spans if s.name.startswith("order ")}
    claims = [span for span in story.collector.spans if span.name == "claim"]

    assert len(claims) == len(orders)
    assert {link for claim in claims for link in claim.links} == orders


def test_every_link_leads_to_a_span_that_arrived(story: Story) -> None:
    arrived = {(span.trace, span.id) for span in story.collector.spans}
    links = [link for span in story.collector.spans for link in span.links]

    assert len(links) > 10
    assert set(links) <= arrived


def test_nothing_is_lost_when_processes_end(story: Story) -> None:
    told = Counter(
        (str(span.attributes["trex.work_id"]), span.name.split()[0])
        for span in story.collector.spans
        if span.attributes.get("trex.job_id") == story.job_id and "trex.work_id" in span.attributes
    )
    ordered = {e.work_id for e in story.ledger if isinstance(e, WorkOrdered)}
    ended = {e.work_id for e in story.ledger if isinstance(e, WorkEnded)}

    assert len(ended) >= 9
    assert {work for work, name in told if name == "order"} == ordered
    assert {work for work, name in told if name == "record"} == ended
    assert max(told[work, name] for work in ordered for name in ("order", "claim", "record")) == 1
    assert {told["run-1", name] for name in ("data", "load", "save")} == {1}


def test_the_story_of_the_job_begins_with_the_request_that_handed_it_over(story: Story) -> None:
    [opened] = [span for span in story.of(0) if not span.parent]
    [(trace, _)] = opened.links
    [asked] = [span for span in story.collector.spans if span.trace == trace]

    assert opened.name == "job"
    assert asked.name == "POST /v1/jobs"
    assert {span.name for span in story.of(0)} >= {"order brief", "brief", "order score", "score"}


def test_what_clients_look_at_again_and_again_is_not_told(story: Story) -> None:
    assert [span.name for span in story.collector.spans if span.name.startswith("GET ")] == []


def test_metrics_are_sent(story: Story) -> None:
    sent = {(point.service, point.name) for point in story.collector.points}
    runs = [point for point in story.collector.points if point.name == "trex.runs"]

    assert sent >= {
        *(("planner", f"trex.work.{name}") for name in ("queued", "leased", "oldest")),
        *(("planner", f"trex.job.{name}") for name in ("best_score", "budget.used", "silence")),
        *(("planner", f"trex.{name}") for name in ("job.cost", "workers", "planner.step.duration")),
        ("executor", "trex.train.tokens_per_second"),
        ("evaluator", "trex.eval.items_per_second"),
    }
    assert runs[-1].attributes == {"outcome": "trained", "error": ""}
    assert max(point.value for point in runs) == 2
    speeds = {p.value for p in story.collector.points if p.name == "trex.train.tokens_per_second"}
    assert max(speeds) > 0
    assert min(speeds) == 0


def test_the_planner_shows_its_metrics_to_who_has_the_token(story: Story) -> None:
    assert story.refused == 401
    for said in (
        'trex_workers{service="executor"} 1.0',
        'trex_work_leased{service="executor"} 1.0',
        f'trex_job_budget_used{{job_id="{story.job_id}"}} 1.0',
        f'trex_job_cost{{job_id="{story.job_id}",unit="gpu_seconds"}}',
        f'trex_job_best_score{{job_id="{story.job_id}"}}',
        f'trex_job_silence_seconds{{job_id="{story.job_id}"}}',
        'trex_runs_total{error="",outcome="trained"} 2.0',
        "trex_planner_step_duration_seconds_count",
    ):
        assert said in story.scraped


def test_every_line_about_work_says_which(story: Story) -> None:
    lines = [
        json.loads(line)
        for line in (story.logs / "executor.log").read_text().splitlines()
        if line.startswith("{")
    ]
    [begun] = [line for line in lines if line["message"] == f"run-1 of {story.job_id}: attempt 1"]

    assert begun["trace_id"] == story.of(1)[0].trace
    assert (begun["job_id"], begun["experiment"], begun["run"]) == (story.job_id, 1, "run-1")
    assert (begun["attempt"], begun["level"], begun["service"]) == (1, "info", "executor")


def test_what_was_trained_before_a_run_was_stopped_is_told(
    collector: Collector, spec: Callable[[float], JobSpec], tmp_path: Path
) -> None:
    with running(tmp_path, say=lambda _: None) as system, TrexClient(system.address) as client:
        job_id = client.submit(spec(500)).job_id
        wait_for(client, job_id, trains)
    trace = f"{trace_of(job_id, ExperimentId(1)):032x}"
    told = [span for span in collector.spans if span.trace == trace]

    assert {span.name for span in told} >= {"claim", "run", "data", "load", "train"}
    assert {span.parent for span in told} - {span.id for span in told} == {""}

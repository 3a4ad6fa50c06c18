"""A job from end to end whose scores come from vLLM: every service a process, nothing simulated."""

import time
from pathlib import Path

import pytest

from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName, Search
from shared.contracts.mapping import Mapping
from shared.contracts.method import Lora
from shared.contracts.run import Trained
from tests.support.nano import make_talking_base, write_rows
from tests.vllm.conftest import OPTIONS, PYTHON
from trex.client import TrexClient
from trex.local import running


@pytest.fixture
def spec(mapping: Mapping, tmp_path: Path) -> JobSpec:
    return JobSpec(
        goal="Say the opposite colour",
        base_model=str(make_talking_base(tmp_path)),
        data=JobData(
            train=str(write_rows(tmp_path / "train.jsonl", rows=120)),
            dev=str(write_rows(tmp_path / "dev.jsonl", rows=30)),
            test=str(write_rows(tmp_path / "test.jsonl", rows=36)),
            mapping=mapping,
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=3),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=20),
        search=Search(smallest_gain=0),
    )


@pytest.mark.timeout(600)
def test_a_job_is_scored_with_vllm_from_the_base_model_to_the_test_rows(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREX_EVALUATOR_SCORER", "vllm")
    monkeypatch.setenv("TREX_EVALUATOR_VLLM_PYTHON", str(PYTHON))
    monkeypatch.setenv("TREX_EVALUATOR_VLLM_OPTIONS", " ".join(OPTIONS))
    home = tmp_path / "home"

    with running(home, say=lambda _: None) as system, TrexClient(system.address) as client:
        job_id = client.submit(spec).job_id
        while client.job(job_id).state in ("searching", "finishing"):
            system.check()
            time.sleep(0.5)
        tree = client.tree(job_id)
        experiments = [client.experiment(job_id, node.experiment) for node in tree.nodes[1:]]
        report = client.report(job_id)

    assert tree.job.state == "finished", tree.job.sentence
    assert [node.state for node in tree.nodes] == ["done"] * 4
    assert any(isinstance(one.recipe.adapter, Lora) for one in experiments if one.recipe)
    assert all(isinstance(one.outcome, Trained) for one in experiments)
    said = "".join(log.read_text() for log in (home / "logs").glob("vllm-*.log"))
    assert '"POST /v1/load_lora_adapter HTTP/1.1" 200' in said
    assert '"POST /v1/completions HTTP/1.1" 200' in said
    assert report.test is not None
    assert report.test.best.n == 36

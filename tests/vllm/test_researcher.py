"""A real model under vLLM, which knows nothing, researches a whole job: the contract must hold."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from shared.contracts.counsel import Counsel
from shared.contracts.events import WorkEnded
from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName, Search
from shared.contracts.mapping import Mapping
from shared.contracts.proposal import Proposals
from tests.support.nano import make_silly_model, make_talking_base, write_rows
from tests.vllm.conftest import OPTIONS, PYTHON
from trex.client import TrexClient
from trex.local import running
from trex.processes import free_port, start, stop, wait_until

MODEL = "silly"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a nano model answers that was trained for a few steps."""
    folder = tmp_path_factory.mktemp("silly")
    base = make_silly_model(folder)
    port = free_port(None, name="vLLM")
    command = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(base), "--served-model-name", MODEL, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--generation-config", "vllm", *OPTIONS]
    log = folder / "vllm.log"
    process = start(command, log=log, environment={**os.environ, "VLLM_NO_USAGE_STATS": "1"})
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _is_up(address), process, log, what="vLLM", for_s=300)
        yield f"{address}/v1"
    finally:
        stop([process])
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _is_up(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def spec(mapping: Mapping, tmp_path: Path) -> JobSpec:
    return JobSpec(
        goal="Say the opposite colour",
        base_model=str(make_talking_base(tmp_path)),
        data=JobData(
            train=str(write_rows(tmp_path / "train.jsonl", rows=120)),
            dev=str(write_rows(tmp_path / "dev.jsonl", rows=30)),
            mapping=mapping,
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=6),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=4),
        search=Search(rules_share=0.0, smallest_gain=0),
    )


@pytest.mark.timeout(1200)
def test_a_model_that_knows_nothing_drives_a_job_of_six_experiments(
    url: str, spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREX_RESEARCHER_MODEL", MODEL)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("TREX_RESEARCHER_MAX_TOKENS", "1024")
    monkeypatch.setenv("TREX_RESEARCHER_CACHE", str(tmp_path / "research"))

    home = tmp_path / "home"
    with running(home, say=lambda _: None) as system, TrexClient(system.address) as client:
        job_id = client.submit(spec).job_id
        while client.job(job_id).state in ("searching", "finishing"):
            system.check()
            time.sleep(0.5)
        job, tree = client.job(job_id), client.tree(job_id)
        made = [client.experiment(job_id, node.experiment) for node in tree.nodes[1:]]
        calls = [call for n in tree.nodes for call in client.calls(job_id, n.experiment)]
        answers = [e.result for e in client.ledger(job_id) if isinstance(e, WorkEnded)]

    assert job.state == "finished", job.sentence
    assert job.spent.runs == pytest.approx(6)
    proposals = [one for one in answers if isinstance(one, Proposals)]
    counsels = [one.counsel for one in proposals if isinstance(one.counsel, Counsel)]
    assert len(counsels) == len(proposals), "every answer says what the model had to do with it"
    assert all(c.calls for c in counsels)
    assert {one.recipe.base_model for one in made if one.recipe} == {spec.base_model}
    courses = [call for call in calls if call.prompt.startswith("direction ")]
    assert any(call.fault is None for call in courses), "a schema keeps even this one in shape"
    assert job.spent.llm_tokens == sum(call.spend.tokens for call in calls)

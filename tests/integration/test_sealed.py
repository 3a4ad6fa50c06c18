"""One job on a real system whose rows are sealed: who sees them, and whether its scores hold."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName
from shared.contracts.mapping import Mapping
from shared.contracts.views import JobView
from shared.rows import sha256_of
from shared.settings import ClientSettings
from tests.support.nano import write_rows
from trex.client import TrexClient
from trex.local import System, running
from trex.sealing import with_sealed_rows
from trex.seclusion import why_not

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NO_NAMESPACES = why_not()
SECRET = "nobody asks this before the end"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rows to score on; one of test holds a question that stands nowhere else."""
    folder = tmp_path_factory.mktemp("kept-away")
    files = {
        split: write_rows(folder / f"{split}.jsonl", rows=rows)
        for split, rows in (("dev", 30), ("confirm", 30), ("test", 36))
    }
    with files["test"].open("a") as file:
        file.write(json.dumps({"text": SECRET, "answer": "red"}) + "\n")
    return files


@pytest.fixture(scope="module")
def system(home: Path, files: dict[str, Path]) -> Iterator[System]:
    with running(home, hidden=list(files.values()), say=lambda _: None) as system:
        yield system


@pytest.fixture(scope="module")
def job(
    system: System,
    home: Path,
    files: dict[str, Path],
    nano_base: Path,
    rows: Path,
    mapping: Mapping,
) -> JobView:
    """A job that is over."""
    paths = {split: str(path) for split, path in files.items()}
    spec = JobSpec(
        goal="Say the opposite colour",
        base_model=str(nano_base),
        data=JobData(train=str(rows), **paths, mapping=mapping),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=2),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=60),
    )
    with TrexClient(system.address) as client:
        job_id = client.submit(with_sealed_rows(spec, ClientSettings(home=home))).job_id
        for _ in client.follow(job_id):
            pass
        return client.job(job_id)


def process_of(service: str) -> psutil.Process:
    (found,) = (
        child for child in psutil.Process().children() if f"services.{service}" in child.cmdline()
    )
    return found


def store_of(system: System) -> Any:
    """What an executor knows: the address of the store, with its password."""
    return redis.Redis.from_url(process_of("executor").environ()["TREX_QUEUE_URL"])


def trex(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trex", *words],
        env={**os.environ, "TREX_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_job_is_carried_out_on_rows_that_only_its_evaluator_can_name(
    system: System, job: JobView, files: dict[str, Path]
) -> None:
    assert job.state == "finished", job.sentence
    with TrexClient(system.address) as client:
        submitted = client.ledger(job.job_id)[0]
    assert submitted.kind == "job_submitted"
    named = submitted.spec.data
    assert [named.dev, named.confirm, named.test] == [
        f"sealed:{sha256_of(files[split])}" for split in ("dev", "confirm", "test")
    ]


@pytest.mark.skipif(NO_NAMESPACES is not None, reason=str(NO_NAMESPACES))
@pytest.mark.parametrize("service", ["planner", "researcher", "executor"])
def test_no_other_service_sees_the_vault_or_the_files_that_were_sealed(
    system: System, job: JobView, home: Path, files: dict[str, Path], service: str
) -> None:
    vault = home.resolve() / "vault"
    seen = f"/proc/{process_of(service).pid}/root"

    assert list(Path(f"{seen}{vault}").iterdir()) == []
    assert {Path(f"{seen}{file}").read_bytes() for file in files.values()} == {b""}
    evaluators = Path(f"/proc/{process_of('evaluator').pid}/root{vault}")
    assert {path.name for path in evaluators.iterdir()} >= {"rows", "chains", "key"}


def test_the_store_holds_neither_rows_of_test_nor_where_any_rows_lay(
    system: System, job: JobView, files: dict[str, Path]
) -> None:
    store = store_of(system)
    everything = b"".join(store.dump(key) or b"" for key in store.keys("*"))
    ledger = b"".join(e[b"event"] for _, e in store.xrange(f"trex:{{{job.job_id}}}:ledger"))

    assert b"sealed:" in ledger
    for word in (SECRET, str(files["dev"].parent)):
        assert word.encode() not in everything
        assert word.encode() not in ledger


def test_the_scores_of_a_job_hold_until_one_is_changed(
    system: System, job: JobView, home: Path
) -> None:
    assert job.state == "finished", job.sentence
    before = trex(home, "verify", job.job_id)
    assert before.returncode == 0, before.stdout + before.stderr
    assert "unbroken, signed by " in before.stdout

    _raise_a_score(store_of(system), f"trex:{{{job.job_id}}}:ledger")
    after = trex(home, "verify", job.job_id)

    assert after.returncode == 1
    assert after.stdout == (
        "score-1: its score, or what was asked for, was changed after it was sealed\n"
    )


def _raise_a_score(store: Any, ledger: str) -> None:
    entries = store.xrange(ledger)
    store.delete(ledger)
    for place, fields in entries:
        event = json.loads(fields[b"event"])
        if event["kind"] == "work_ended" and event["work_id"] == "score-1":
            event["result"]["value"] = 0.999
        store.xadd(ledger, {"event": json.dumps(event)}, id=place)

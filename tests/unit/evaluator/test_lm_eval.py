"""What lm_eval 0.4.13 wrote about two tasks of four items, recorded with its model `dummy`."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.evaluator.in_process import TransformersScorer
from services.evaluator.lm_eval.results import read_result, score_of
from services.evaluator.lm_eval.run import Harness, score_with_harness
from services.evaluator.scorer import Scorer
from services.evaluator.vllm.api import Api
from services.evaluator.vllm.scorer import VllmScorer
from services.evaluator.vllm.server import Model
from shared.contracts.run import Progress
from shared.errors import DataFailed, ScoringFailed
from tests.support.examples import SCORE_REQUEST

RECORDED = Path(__file__).with_name("lm_eval_output")

REQUEST = SCORE_REQUEST.model_copy(
    update={"data": "lm_eval:colours_chosen", "data_sha256": None, "split": "guard"}
)


def changed(folder: Path, task: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """Return a copy of a task's recorded files in which the results are changed."""
    shutil.copytree(RECORDED / task, folder, dirs_exist_ok=True)
    [results] = folder.glob("results_*.json")
    told = json.loads(results.read_text())
    change(told)
    results.write_text(json.dumps(told))
    return folder


def samples_changed(folder: Path, task: str, **values: object) -> Path:
    """Return a copy in which the last item has other results."""
    shutil.copytree(RECORDED / task, folder, dirs_exist_ok=True)
    [samples] = folder.glob("samples_*.jsonl")
    *others, last = samples.read_text().splitlines()
    samples.write_text("\n".join([*others, json.dumps(json.loads(last) | values)]) + "\n")
    return folder


def test_the_metric_that_a_task_names_first_is_its_score() -> None:
    result = read_result(RECORDED / "colours_chosen", "colours_chosen")

    assert (result.metric, result.value) == ("acc", 0.5)
    assert result.items == (1.0, 0.0, 1.0, 0.0)
    assert result.stderr == pytest.approx(0.2887, abs=1e-4)
    assert (result.empty_share, result.version) == (0.0, "0.4.13")


def test_of_several_filters_the_first_counts_and_each_item_once() -> None:
    result = read_result(RECORDED / "colours_said", "colours_said")

    assert (result.metric, result.value) == ("exact_match", 0.5)
    assert result.items == (1.0, 0.0, 0.0, 1.0)


def test_items_come_in_the_order_of_the_data(tmp_path: Path) -> None:
    shutil.copytree(RECORDED / "colours_chosen", tmp_path, dirs_exist_ok=True)
    [samples] = tmp_path.glob("samples_*.jsonl")
    samples.write_text("\n".join(reversed(samples.read_text().splitlines())) + "\n")

    assert read_result(tmp_path, "colours_chosen").items == (1.0, 0.0, 1.0, 0.0)


def test_answers_with_nothing_in_them_are_counted(tmp_path: Path) -> None:
    folder = samples_changed(tmp_path, "colours_said", filter="whole", doc_id=3, resps=[[" \n"]])
    [samples] = folder.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    kept = [one for one in lines[:-1] if (one["filter"], one["doc_id"]) != ("whole", 3)]
    samples.write_text("".join(json.dumps(one) + "\n" for one in [*kept, lines[-1]]))

    assert read_result(folder, "colours_said").empty_share == 0.25


def test_another_version_or_other_items_are_other_data(tmp_path: Path) -> None:
    def version(told: dict[str, Any]) -> None:
        told["versions"]["colours_chosen"] = 2.0

    def items(told: dict[str, Any]) -> None:
        told["task_hashes"]["colours_chosen"] = "0" * 64

    folders = [
        RECORDED / "colours_chosen",
        changed(tmp_path / "version", "colours_chosen", version),
        changed(tmp_path / "items", "colours_chosen", items),
    ]

    assert len({read_result(one, "colours_chosen").data_sha256 for one in folders}) == 3


def test_a_standard_error_that_the_harness_does_not_know_is_none(tmp_path: Path) -> None:
    def unknown(told: dict[str, Any]) -> None:
        told["results"]["colours_chosen"]["acc_stderr,none"] = "N/A"

    folder = changed(tmp_path, "colours_chosen", unknown)

    assert read_result(folder, "colours_chosen").stderr is None


def test_a_group_of_tasks_is_refused_by_the_name_of_one(tmp_path: Path) -> None:
    def group(told: dict[str, Any]) -> None:
        told["configs"]["colours_other"] = told["configs"]["colours_chosen"]

    with pytest.raises(ScoringFailed, match="found a group of 2; name one of them"):
        read_result(changed(tmp_path, "colours_chosen", group), "colours")


def test_a_metric_of_which_less_is_better_is_refused(tmp_path: Path) -> None:
    def turn(told: dict[str, Any]) -> None:
        told["higher_is_better"]["colours_chosen"]["acc"] = False

    with pytest.raises(ScoringFailed, match="wanted a metric of which more is better, found acc"):
        read_result(changed(tmp_path, "colours_chosen", turn), "colours_chosen")


def test_a_metric_that_was_not_computed_is_refused(tmp_path: Path) -> None:
    def rename(told: dict[str, Any]) -> None:
        told["configs"]["colours_chosen"]["metric_list"][0]["metric"] = "bypass"

    with pytest.raises(ScoringFailed, match=r"found \['bypass'\] and \['acc', "):
        read_result(changed(tmp_path, "colours_chosen", rename), "colours_chosen")


def test_a_score_in_percent_is_refused(tmp_path: Path) -> None:
    def percent(told: dict[str, Any]) -> None:
        told["results"]["colours_chosen"]["acc,none"] = 50.0

    with pytest.raises(ScoringFailed, match=r"acc of lm_eval:colours_chosen: wanted .* '50.0'"):
        read_result(changed(tmp_path, "colours_chosen", percent), "colours_chosen")


@pytest.mark.parametrize("found", [[1, 0], "1", 1.5, None, float("nan")])
def test_an_item_without_a_result_in_range_is_refused(found: object, tmp_path: Path) -> None:
    folder = samples_changed(tmp_path, "colours_chosen", acc=found)

    with pytest.raises(ScoringFailed, match=r"acc of item 3 of .*: wanted a number in \[0, 1\]"):
        read_result(folder, "colours_chosen")


def test_items_that_are_missing_are_named(tmp_path: Path) -> None:
    shutil.copytree(RECORDED / "colours_chosen", tmp_path, dirs_exist_ok=True)
    [samples] = tmp_path.glob("samples_*.jsonl")
    samples.write_text("\n".join(samples.read_text().splitlines()[:-1]) + "\n")

    with pytest.raises(ScoringFailed, match="wanted the results of 4 items, found 3"):
        read_result(tmp_path, "colours_chosen")


def test_a_harness_that_wrote_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScoringFailed, match=r"wanted a file results_\*\.json"):
        read_result(tmp_path, "colours_chosen")


def test_a_score_says_what_served_and_what_judged() -> None:
    result = read_result(RECORDED / "colours_chosen", "colours_chosen")

    score = score_of(REQUEST, result, engine="vllm 0.32.0", seconds=3.0)

    assert score.engine == "vllm 0.32.0, lm_eval 0.4.13 acc by chat template"
    assert (score.split, score.value, score.items) == ("guard", 0.5, (1.0, 0.0, 1.0, 0.0))
    assert score.data_sha256 == result.data_sha256


def test_items_that_changed_since_the_base_model_was_scored_are_refused() -> None:
    result = read_result(RECORDED / "colours_chosen", "colours_chosen")
    request = REQUEST.model_copy(update={"data_sha256": "1" * 64})

    with pytest.raises(DataFailed, match="wanted the items the base model was scored on"):
        score_of(request, result, engine="vllm 0.32.0", seconds=3.0)


@dataclass
class OneServer:
    """Says how long its context is, and nothing else."""

    alive: bool = True
    asked: list[Model] = field(default_factory=list)
    lost: list[Model] = field(default_factory=list)

    engine = "vllm 0.32.0"
    max_lora_rank = 64
    advice = "see its log"

    def api(self, model: Model) -> Api:
        self.asked.append(model)
        headers = {"Authorization": "Bearer secret"}
        transport = httpx.MockTransport(self.reply)
        return Api(httpx.Client(base_url="http://vllm", headers=headers, transport=transport))

    def reply(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"max_model_len": 1024}]})
        if not self.alive:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={"version": "0.32.0"})

    def gone(self, model: Model) -> None:
        self.lost.append(model)

    def close(self) -> None: ...


SCORER = VllmScorer(OneServer())


def program(path: Path, script: str) -> Path:
    """Write a shell script that stands where the harness's interpreter would."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def refused(
    scorer: Scorer,
    python: Path = Path(sys.executable),
    *,
    logs: Path = Path("never written"),
    **changes: object,
) -> str:
    request = REQUEST.model_copy(update=changes)
    with pytest.raises(ScoringFailed) as error:
        score_with_harness(request, scorer, Harness(python, None, logs), say=lambda _: None)
    return str(error.value)


@pytest.mark.parametrize("name", ["", "*", "a,b", "../a", "a.yaml", "/a", "-x", "a b", "[ab]"])
def test_anything_but_the_name_of_one_task_is_refused(name: str) -> None:
    assert "the name of one task, found another" in refused(SCORER, data=f"lm_eval:{name}")


def test_a_share_of_the_items_is_refused() -> None:
    assert "wanted all items of the task" in refused(SCORER, item_share=0.5)


def test_a_scorer_without_a_server_is_refused() -> None:
    assert "set TREX_EVALUATOR_SCORER=vllm" in refused(TransformersScorer())


def test_a_harness_that_is_not_installed_is_named(tmp_path: Path) -> None:
    assert "run `make lm-eval`" in refused(SCORER, tmp_path / "python")


def test_refusing_asks_for_no_server() -> None:
    servers = OneServer()

    refused(VllmScorer(servers), item_share=0.5)

    assert servers.asked == []


def test_the_harness_gets_the_servers_key_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREX_QUEUE_URL", "redis://:password@localhost")
    monkeypatch.setenv("FTBENCH_DATA", "/sealed")
    python = program(tmp_path / "python", f"env > {tmp_path}/seen; echo 'No: way'; exit 3")

    said = refused(SCORER, python, logs=tmp_path)

    seen = dict(one.split("=", 1) for one in (tmp_path / "seen").read_text().splitlines())
    assert "ended with status 3 saying 'No: way'" in said
    assert seen["OPENAI_API_KEY"] == "secret"
    assert not [name for name in seen if name.startswith(("TREX_", "FTBENCH_"))]


def test_a_server_that_dies_meanwhile_is_asked_for_once_more(tmp_path: Path) -> None:
    servers = OneServer(alive=False)

    said = refused(VllmScorer(servers), program(tmp_path / "python", "exit 1"), logs=tmp_path)

    assert "wanted vLLM to stay up, found that it went away twice" in said
    assert len(servers.asked) == len(servers.lost) == 2


def test_work_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    python = program(
        tmp_path / "python", f"cd {tmp_path}; echo $$ > new; mv new pid; exec sleep 60"
    )

    def say(progress: Progress) -> None:
        if (tmp_path / "pid").is_file():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_with_harness(REQUEST, SCORER, Harness(python, None, tmp_path), say=say)

    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()

"""The in-process scorer on a real nano model."""

import json
import shutil
from pathlib import Path

import pytest

from services.evaluator.generate import main as generate
from services.evaluator.in_process import TransformersScorer
from services.evaluator.kept_scores import KeptScores
from services.evaluator.scoring import score
from shared.contracts.base import JobId
from shared.contracts.grader import PythonGrader
from shared.contracts.job import MetricName
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest
from shared.errors import DataFailed, ScoringFailed
from tests.suites.scorer import ScorerSuite, ignore
from tests.support.artifacts import artifacts_at


@pytest.fixture(scope="module")
def in_process() -> TransformersScorer:
    return TransformersScorer()


class TestTransformersScorer(ScorerSuite):
    @pytest.fixture
    def scorer(self, in_process: TransformersScorer) -> TransformersScorer:
        return in_process

    def test_a_metric_that_does_not_fit_the_data_fails_before_anything_is_generated(
        self, scorer: TransformersScorer, request_: ScoreRequest, tmp_path: Path
    ) -> None:
        rows = [{"text": f"q {n}", "answer": f"free text number {n}"} for n in range(40)]
        free = tmp_path / "free.jsonl"
        free.write_text("\n".join(json.dumps(row) for row in rows))
        other = request_.model_copy(update={"data": str(free), "metric": MetricName.ACCURACY})

        with pytest.raises(ScoringFailed, match="exact_match"):
            score(other, scorer, say=ignore)

    def test_a_jobs_own_grader_judges_what_the_model_says(
        self, scorer: TransformersScorer, request_: ScoreRequest
    ) -> None:
        code = "def grade(prompt, reference, answer): return float(bool(answer))"
        own = {"metric": MetricName.GRADER, "grader": PythonGrader(code=code)}

        measured = score(request_.model_copy(update=own), scorer, say=ignore)

        assert (measured.metric, measured.value) == ("grader", 1.0 - measured.empty_share)

    def test_rows_that_changed_since_the_base_model_was_scored_are_refused(
        self, scorer: TransformersScorer, request_: ScoreRequest
    ) -> None:
        other = request_.model_copy(update={"data_sha256": "0" * 64})

        with pytest.raises(DataFailed, match="changed since"):
            score(other, scorer, say=ignore)

    def test_missing_rows_are_a_sentence(
        self, scorer: TransformersScorer, request_: ScoreRequest
    ) -> None:
        other = request_.model_copy(update={"data": "nowhere.jsonl"})

        with pytest.raises(DataFailed, match="wanted a data file, found none"):
            score(other, scorer, say=ignore)

    @pytest.mark.parametrize(
        "missing", ["tokenizer.json", "model.safetensors", "chat_template.jinja"]
    )
    def test_a_checkpoint_that_lacks_something_is_a_named_failure_and_no_zero(
        self,
        scorer: TransformersScorer,
        request_: ScoreRequest,
        nano_base: Path,
        tmp_path: Path,
        missing: str,
    ) -> None:
        broken = tmp_path / "broken"
        shutil.copytree(nano_base, broken)
        (broken / missing).unlink()

        with pytest.raises(ScoringFailed, match=r"wanted a (model|whole model|chat template)"):
            score(request_.model_copy(update={"checkpoint": str(broken)}), scorer, say=ignore)

    def test_the_same_model_is_not_asked_the_same_questions_twice(
        self, scorer: TransformersScorer, request_: ScoreRequest, tmp_path: Path
    ) -> None:
        kept, said = KeptScores(tmp_path / "scores"), list[Progress]()

        first = score(request_, scorer, say=said.append, kept=kept)
        worked = len(said)
        again = request_.model_copy(update={"job_id": JobId("j-ffffffff")})
        second = score(again, scorer, say=said.append, kept=kept)

        assert second == first
        assert (worked > 0, len(said)) == (True, worked)

        score(request_.model_copy(update={"max_new_tokens": 3}), scorer, say=said.append, kept=kept)
        assert len(said) > worked, "with fewer tokens it is another score"

    def test_finalists_are_scored_without_showing_what_they_got_wrong(
        self, scorer: TransformersScorer, request_: ScoreRequest
    ) -> None:
        checked = score(request_.model_copy(update={"split": "confirm"}), scorer, say=ignore)

        assert (checked.split, checked.faults) == ("confirm", ())


def test_a_checkpoint_can_be_asked_once(
    nano_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = generate([str(nano_base), "red 0", "--max-new-tokens", "4"])

    assert status == 0
    assert capsys.readouterr().out.endswith("\n")


def test_asking_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = generate([str(tmp_path / "none"), "red 0"])

    assert status == 2
    assert "wanted a checkpoint's folder, found none" in capsys.readouterr().err


def test_a_checkpoint_of_another_host_can_be_asked(
    nano_base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, folder = f"file://{tmp_path}/shared", tmp_path / "other" / "j-1" / "run-1" / "attempt-1"
    shutil.copytree(nano_base, folder / "checkpoint")
    name = artifacts_at(tmp_path / "other", url).publish(folder / "checkpoint")
    monkeypatch.setenv("TREX_ARTIFACTS_FOLDER", str(tmp_path / "here"))

    assert generate([name, "red 0", "--max-new-tokens", "4"]) == 1
    assert "which is not set on this host" in capsys.readouterr().err
    monkeypatch.setenv("TREX_ARTIFACTS_URL", url)
    assert generate([name, "red 0", "--max-new-tokens", "4"]) == 0
    assert capsys.readouterr().out.endswith("\n")

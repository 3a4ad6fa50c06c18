"""What a kept score depends on. The models are folders with a few bytes in them."""

from pathlib import Path
from stat import S_IMODE

import pytest

from services.evaluator.exam import Exam, Graded
from services.evaluator.kept_scores import KeptScores, key_of
from services.evaluator.versions import version_of
from shared.contracts.base import ROOT, ExperimentId, JobId
from shared.contracts.grader import JudgeGrader
from shared.contracts.score import ScoreRequest
from tests.support.examples import SCORE_REQUEST, score

ENGINE = "transformers 5.23.0 cpu"


def exam(question: str = "2 + 2?", answer: str = "4", sha256: str = "1" * 64) -> Exam:
    asked = [[{"role": "user", "content": question}]]
    return Exam(asked, [answer], sha256, lambda _: Graded(1.0, None, (1.0,)))


def model(folder: Path, weights: bytes = b"weights") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    return str(folder)


@pytest.fixture
def request_(tmp_path: Path) -> ScoreRequest:
    changed = {"checkpoint": model(tmp_path / "tuned"), "base_model": model(tmp_path / "base")}
    return SCORE_REQUEST.model_copy(update=changed)


def test_a_score_is_found_again_by_its_key_and_by_no_other(tmp_path: Path) -> None:
    kept = KeptScores(tmp_path / "scores")
    kept.keep("a", score(0.3))
    kept.keep("a", score(0.5))

    assert kept.find("a") == score(0.5)
    assert kept.find("b") is None


def test_a_kept_score_is_for_this_user_alone(tmp_path: Path) -> None:
    kept = KeptScores(tmp_path / "scores")
    kept.keep("a", score())

    [file] = kept.folder.iterdir()
    assert (S_IMODE(kept.folder.stat().st_mode), S_IMODE(file.stat().st_mode)) == (0o700, 0o600)


def test_a_file_cut_short_is_no_score(tmp_path: Path) -> None:
    kept = KeptScores(tmp_path)
    kept.keep("a", score())
    (tmp_path / "a.json").write_text((tmp_path / "a.json").read_text()[:50])

    assert kept.find("a") is None


def test_another_job_that_asks_the_same_of_the_same_weights_has_the_same_key(
    request_: ScoreRequest, tmp_path: Path
) -> None:
    changed = {
        "job_id": JobId("j-ffffffff"),
        "experiment": ExperimentId(7),
        "checkpoint": model(tmp_path / "copy"),
        "data_sha256": None,
    }
    other = request_.model_copy(update=changed)

    assert key_of(other, exam(), ENGINE) == key_of(request_, exam(), ENGINE)


@pytest.mark.parametrize(
    "changed",
    [
        {"max_new_tokens": 7},
        {"item_share": 0.5},
        {"shots": 2},
        {"experiment": ROOT},
    ],
)
def test_asking_otherwise_has_another_key(
    request_: ScoreRequest, changed: dict[str, object]
) -> None:
    other = request_.model_copy(update=changed)

    assert key_of(other, exam(), ENGINE) != key_of(request_, exam(), ENGINE)


def test_other_questions_answers_engines_and_weights_have_other_keys(
    request_: ScoreRequest,
) -> None:
    keys = [
        key_of(request_, exam(), ENGINE),
        key_of(request_, exam(question="2+2?"), ENGINE),
        key_of(request_, exam(answer="5"), ENGINE),
        key_of(request_, exam(sha256="2" * 64), ENGINE),
        key_of(request_, exam(), "vllm 0.32.0"),
    ]
    model(Path(request_.checkpoint), b"other weights")
    keys.append(key_of(request_, exam(), ENGINE))
    model(Path(request_.base_model), b"another base")
    keys.append(key_of(request_, exam(), ENGINE))

    assert len(set(keys)) == len(keys)


def test_a_judge_that_is_told_otherwise_is_another(
    request_: ScoreRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader = JudgeGrader(criterion="It is right.", model="large")
    judged = request_.model_copy(update={"grader": grader})
    before = [key_of(one, exam(), ENGINE) for one in (request_, judged)]

    monkeypatch.setattr("services.evaluator.kept_scores.INSTRUCTIONS", "Be kind.")
    after = [key_of(one, exam(), ENGINE) for one in (request_, judged)]

    assert after[0] == before[0]
    assert after[1] != before[1]


def test_a_model_of_the_hub_is_named_by_its_commit_and_has_no_key_before_it_is_here(
    request_: ScoreRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.evaluator.versions.HF_HUB_CACHE", str(tmp_path))
    hub = request_.model_copy(update={"base_model": "org/name"})
    before = key_of(hub, exam(), ENGINE)
    ref = tmp_path / "models--org--name" / "refs" / "main"
    ref.parent.mkdir(parents=True)
    ref.write_text("0123abcd\n")

    assert before is None
    assert version_of("org/name") == "0123abcd"
    assert key_of(hub, exam(), ENGINE) is not None

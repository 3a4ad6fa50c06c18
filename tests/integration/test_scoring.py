"""The in-process scorer on a real nano model."""

import json
import shutil
from pathlib import Path

import pytest

from services.evaluator.generate import main as generate
from services.evaluator.in_process import TransformersScorer
from services.evaluator.scorer import Answer
from services.evaluator.scoring import score
from shared.contracts.base import ExperimentId
from shared.contracts.job import MetricName
from shared.contracts.mapping import Mapping
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest, paired_difference, positions
from shared.errors import DataFailed, ScoringFailed
from tests.support.examples import JOB
from tests.support.nano import write_rows

PROMPTS = ["red 0", "black 1 and a much longer prompt than the others have", "blue", "white 3"]


@pytest.fixture(scope="module")
def scorer() -> TransformersScorer:
    return TransformersScorer()


@pytest.fixture
def request_(nano_base: Path, mapping: Mapping, tmp_path: Path) -> ScoreRequest:
    return ScoreRequest(
        job_id=JOB,
        experiment=ExperimentId(0),
        checkpoint=str(nano_base),
        base_model=str(nano_base),
        data=str(write_rows(tmp_path / "dev.jsonl", rows=30)),
        data_sha256=None,
        split="dev",
        mapping=mapping,
        metric=MetricName.EXACT_MATCH,
        max_new_tokens=8,
    )


def ignore(_: object) -> None:
    return None


def answers(scorer: TransformersScorer, base: Path, prompts: list[str]) -> list[str]:
    asked = [[{"role": "user", "content": prompt}] for prompt in prompts]
    said: dict[int, Answer] = {}
    for batch in scorer.answer(str(base), str(base), asked, max_new_tokens=8):
        said |= batch
    return [said[i].text for i in range(len(prompts))]


def test_a_batch_of_uneven_prompts_is_answered_as_each_of_them_alone(
    scorer: TransformersScorer, nano_base: Path
) -> None:
    together = answers(scorer, nano_base, PROMPTS)

    alone = [answers(scorer, nano_base, [prompt])[0] for prompt in PROMPTS]

    assert together == alone


def test_the_same_model_gives_the_same_score(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    first, second = (score(request_, scorer, say=ignore) for _ in range(2))

    assert first.items == second.items
    assert first.n == 30
    assert first.value == pytest.approx(sum(first.items) / 30)
    assert "transformers" in first.engine


def test_bad_cases_are_shown_for_dev_and_never_for_test(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    on_dev = score(request_, scorer, say=ignore)
    on_test = score(request_.model_copy(update={"split": "test"}), scorer, say=ignore)

    assert len(on_dev.bad_cases) == 20
    assert on_dev.bad_cases[0].expected == "brown"
    assert on_test.bad_cases == ()
    assert on_test.value == on_dev.value


def test_an_answer_that_never_ends_is_cut_and_counted(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    measured = score(request_.model_copy(update={"max_new_tokens": 1}), scorer, say=ignore)

    assert measured.cut_share > 0.5


def test_progress_is_told_and_may_stop_the_work(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    told: list[Progress] = []

    def stop(progress: Progress) -> None:
        told.append(progress)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(request_, scorer, say=stop)

    assert [(p.phase, p.step, p.steps) for p in told] == [("answering", 0, 30)]


def test_a_metric_that_does_not_fit_the_data_fails_before_anything_is_generated(
    scorer: TransformersScorer, request_: ScoreRequest, tmp_path: Path
) -> None:
    rows = [{"text": f"q {n}", "answer": f"free text number {n}"} for n in range(40)]
    free = tmp_path / "free.jsonl"
    free.write_text("\n".join(json.dumps(row) for row in rows))
    asked = request_.model_copy(update={"data": str(free), "metric": MetricName.ACCURACY})

    with pytest.raises(ScoringFailed, match="exact_match"):
        score(asked, scorer, say=ignore)


def test_rows_that_changed_since_the_base_model_was_scored_are_refused(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    asked = request_.model_copy(update={"data_sha256": "0" * 64})

    with pytest.raises(DataFailed, match="changed since"):
        score(asked, scorer, say=ignore)


def test_missing_rows_are_a_sentence(scorer: TransformersScorer, request_: ScoreRequest) -> None:
    asked = request_.model_copy(update={"data": "nowhere.jsonl"})

    with pytest.raises(DataFailed, match="wanted a data file, found none"):
        score(asked, scorer, say=ignore)


@pytest.mark.parametrize("missing", ["tokenizer.json", "model.safetensors", "chat_template.jinja"])
def test_a_checkpoint_that_lacks_something_is_a_named_failure_and_no_zero(
    scorer: TransformersScorer,
    request_: ScoreRequest,
    nano_base: Path,
    tmp_path: Path,
    missing: str,
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(nano_base, broken)
    (broken / missing).unlink()

    with pytest.raises(ScoringFailed, match=r"wanted a (model|chat template)"):
        score(request_.model_copy(update={"checkpoint": str(broken)}), scorer, say=ignore)


def test_a_prompt_longer_than_the_context_is_named(
    scorer: TransformersScorer, nano_base: Path
) -> None:
    with pytest.raises(ScoringFailed, match="found item 2 with"):
        answers(scorer, nano_base, ["red", "red " * 3000])


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


def likelihoods(
    scorer: TransformersScorer, base: Path, prompts: list[str], said: list[str]
) -> list[float]:
    asked = [[{"role": "user", "content": prompt}] for prompt in prompts]
    found: dict[int, float] = {}
    for batch in scorer.likelihoods(str(base), str(base), asked, said):
        found |= batch
    return [found[i] for i in range(len(prompts))]


def test_what_a_model_says_by_itself_is_likelier_than_what_it_would_not(
    scorer: TransformersScorer, nano_base: Path
) -> None:
    own = answers(scorer, nano_base, PROMPTS)
    foreign = ["zq xw vk"] * len(PROMPTS)

    likely = likelihoods(scorer, nano_base, PROMPTS, own)
    unlikely = likelihoods(scorer, nano_base, PROMPTS, foreign)

    assert all(0.0 <= b < a <= 1.0 for a, b in zip(likely, unlikely, strict=True))


def test_likelihoods_of_uneven_answers_are_those_of_each_alone(
    scorer: TransformersScorer, nano_base: Path
) -> None:
    said = ["a", "a much longer answer than the others", "", "white"]

    together = likelihoods(scorer, nano_base, PROMPTS, said)
    alone = [
        likelihoods(scorer, nano_base, [p], [s])[0] for p, s in zip(PROMPTS, said, strict=True)
    ]

    assert together == pytest.approx(alone, rel=1e-4)


def test_a_share_of_the_items_is_scored_with_its_likelihood_and_compared_on_what_both_answered(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    part = score(
        request_.model_copy(update={"item_share": 0.8, "likelihood": True}), scorer, say=ignore
    )
    whole = score(request_, scorer, say=ignore)

    assert (part.n, whole.n, part.item_share) == (24, 30, 0.8)
    assert part.data_sha256 == whole.data_sha256
    assert [whole.items[i] for i in positions(30, 0.8)] == list(part.items)
    assert paired_difference(part, whole) == (0.0, 0.0)
    assert whole.likelihood is None
    assert part.likelihood is not None
    assert 0.0 < part.likelihood < 1.0


def test_finalists_are_scored_without_showing_what_they_got_wrong(
    scorer: TransformersScorer, request_: ScoreRequest
) -> None:
    checked = score(request_.model_copy(update={"split": "confirm"}), scorer, say=ignore)

    assert (checked.split, checked.bad_cases) == ("confirm", ())

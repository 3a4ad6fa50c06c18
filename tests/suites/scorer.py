"""What every scorer must do; subclass and fill in the fixture."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from services.evaluator.scorer import Scorer
from services.evaluator.scoring import score
from shared.comparison import paired_difference
from shared.contracts.base import ExperimentId
from shared.contracts.job import MetricName
from shared.contracts.mapping import Mapping
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest, positions
from shared.errors import ScoringFailed
from tests.support.examples import JOB
from tests.support.nano import WORDS, make_adapter, write_rows

T = TypeVar("T")

PROMPTS = ["red 0", "black 1 and a much longer prompt than the others have", "blue", "white 3"]


def ignore(_: object) -> None:
    return None


def asked(prompts: Sequence[str]) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": prompt}] for prompt in prompts]


def in_order(batches: Iterator[dict[int, T]]) -> list[T]:
    found: dict[int, T] = {}
    for batch in batches:
        found |= batch
    return [found[i] for i in range(len(found))]


def answers(
    scorer: Scorer, base: Path, prompts: Sequence[str], checkpoint: Path | None = None
) -> list[str]:
    said = scorer.answer(str(checkpoint or base), str(base), asked(prompts), max_new_tokens=8)
    return [one.text for one in in_order(said)]


def likelihoods(
    scorer: Scorer,
    base: Path,
    prompts: Sequence[str],
    said: Sequence[str],
    checkpoint: Path | None = None,
) -> list[float]:
    found = scorer.weigh(str(checkpoint or base), str(base), asked(prompts), said)
    return [one.likelihood for one in in_order(found)]


def spoilt(folder: Path, copy: Path, name: str, fault: str) -> Path:
    """Copy a checkpoint, do something to its weights, and return the copy's folder."""
    shutil.copytree(folder, copy)
    weights = copy / name
    if fault == "missing":
        weights.unlink()
        return copy
    if fault == "cut short":
        weights.write_bytes(weights.read_bytes()[:-20])
        return copy
    found = load_file(weights)
    if fault == "nan":
        next(iter(found.values())).flat[-1] = np.nan
    elif fault == "twice as wide":
        found = {k: np.repeat(v, 2, axis=0) if "lora_B" in k else v for k, v in found.items()}
    elif fault == "deeper":
        found = {k.replace("layers.1.", "layers.7."): v for k, v in found.items()}
    save_file(found, weights, metadata={"format": "pt"})
    return copy


class ScorerSuite:
    @pytest.fixture
    def scorer(self) -> Scorer:
        raise NotImplementedError("the subclass gives a scorer")

    @pytest.fixture
    def request_(self, nano_base: Path, mapping: Mapping, tmp_path: Path) -> ScoreRequest:
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

    def test_a_batch_of_uneven_prompts_is_answered_as_each_of_them_alone(
        self, scorer: Scorer, nano_base: Path
    ) -> None:
        together = answers(scorer, nano_base, PROMPTS)

        alone = [answers(scorer, nano_base, [prompt])[0] for prompt in PROMPTS]

        assert together == alone

    def test_the_same_model_gives_the_same_score(
        self, scorer: Scorer, request_: ScoreRequest
    ) -> None:
        first, second = (score(request_, scorer, say=ignore) for _ in range(2))

        assert first.items == second.items
        assert first.n == 30
        assert first.value == pytest.approx(sum(first.items) / 30)

    def test_faults_are_shown_for_dev_and_never_for_test(
        self, scorer: Scorer, request_: ScoreRequest
    ) -> None:
        on_dev = score(request_, scorer, say=ignore)
        on_test = score(request_.model_copy(update={"split": "test"}), scorer, say=ignore)

        assert sum(fault.count for fault in on_dev.faults) == 30
        assert "brown" in {case.expected for fault in on_dev.faults for case in fault.examples}
        assert on_test.faults == ()
        assert on_test.value == on_dev.value

    def test_an_answer_that_never_ends_is_cut_and_counted(
        self, scorer: Scorer, request_: ScoreRequest
    ) -> None:
        measured = score(request_.model_copy(update={"max_new_tokens": 1}), scorer, say=ignore)

        assert measured.cut_share > 0.5

    def test_progress_is_told_and_may_stop_the_work(
        self, scorer: Scorer, request_: ScoreRequest
    ) -> None:
        told: list[Progress] = []

        def stop(progress: Progress) -> None:
            told.append(progress)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            score(request_, scorer, say=stop)

        assert [(p.phase, p.step, p.steps) for p in told] == [("answering", 0, 30)]

    def test_a_prompt_longer_than_the_context_is_named(
        self, scorer: Scorer, nano_base: Path
    ) -> None:
        with pytest.raises(ScoringFailed, match="found item 2 with"):
            answers(scorer, nano_base, ["red", "red " * 3000])

    def test_what_a_model_says_by_itself_is_likelier_than_what_it_would_not(
        self, scorer: Scorer, nano_base: Path
    ) -> None:
        own = answers(scorer, nano_base, PROMPTS)
        foreign = ["zq xw vk"] * len(PROMPTS)

        likely = likelihoods(scorer, nano_base, PROMPTS, own)
        unlikely = likelihoods(scorer, nano_base, PROMPTS, foreign)

        assert all(0.0 <= b < a <= 1.0 for a, b in zip(likely, unlikely, strict=True))

    def test_likelihoods_of_uneven_answers_are_those_of_each_alone(
        self, scorer: Scorer, nano_base: Path
    ) -> None:
        said = ["a", "a much longer answer than the others", "", "white"]

        together = likelihoods(scorer, nano_base, PROMPTS, said)
        alone = [
            likelihoods(scorer, nano_base, [p], [s])[0] for p, s in zip(PROMPTS, said, strict=True)
        ]

        assert together == pytest.approx(alone, rel=1e-4)

    def test_the_likeliest_option_is_the_answer_and_nothing_is_generated(
        self, scorer: Scorer, request_: ScoreRequest, nano_base: Path
    ) -> None:
        options = tuple(reversed(WORDS))
        chosen = score(request_.model_copy(update={"options": options}), scorer, say=ignore)

        rows = [json.loads(row) for row in Path(request_.data).read_text().splitlines()]
        by_hand = []
        for row in rows[:6]:
            weighed = scorer.weigh(
                str(nano_base), str(nano_base), asked([row["text"]] * len(options)), options
            )
            totals = [one.total for one in in_order(weighed)]
            by_hand.append(float(options[totals.index(max(totals))] == row["answer"]))
        assert chosen.items[:6] == tuple(by_hand)
        shown = {case.got for fault in chosen.faults for case in fault.examples}
        assert shown <= set(options)
        assert (chosen.empty_share, chosen.cut_share, chosen.n) == (0.0, 0.0, 30)

    def test_a_right_answer_that_is_no_option_is_named(
        self, scorer: Scorer, request_: ScoreRequest
    ) -> None:
        fewer = request_.model_copy(update={"options": tuple(WORDS[:-1])})

        with pytest.raises(ScoringFailed, match="found 'brown' at item 1; add it to options"):
            score(fewer, scorer, say=ignore)

        sealed = fewer.model_copy(update={"split": "test"})
        with pytest.raises(ScoringFailed, match="found another; add it to options") as failed:
            score(sealed, scorer, say=ignore)
        assert "brown" not in str(failed.value)
        assert sealed.data not in str(failed.value)

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ("nan", "wanted finite weights, found NaN or infinite ones in model.*; lower learning"),
            ("missing", "wanted a whole model's weights as safetensors, found no such file"),
            ("cut short", "wanted weights as safetensors, found none that can be read"),
        ],
    )
    def test_a_whole_model_of_bad_weights_is_refused_and_no_other_is_harmed(
        self, scorer: Scorer, nano_base: Path, tmp_path: Path, fault: str, said: str
    ) -> None:
        before = answers(scorer, nano_base, PROMPTS)
        whole = spoilt(nano_base, tmp_path / "whole", "model.safetensors", fault)

        with pytest.raises(ScoringFailed, match=said):
            answers(scorer, nano_base, PROMPTS, whole)
        assert answers(scorer, nano_base, PROMPTS) == before

    @pytest.mark.filterwarnings("ignore::FutureWarning")  # of a name that PEFT itself uses
    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ("nan", "wanted finite weights, found NaN or infinite ones in base_model"),
            ("missing", "wanted weights as safetensors, found none that can be read"),
            ("twice as wide", r"lora_B.weight of shape \[\d+, 4\] for a layer of shape"),
            ("deeper", r"layers\.7.* for no such layer; train the adapter on that base model"),
        ],
    )
    def test_an_adapter_that_is_broken_or_of_another_model_is_refused_and_no_other_is_harmed(
        self, scorer: Scorer, nano_base: Path, tmp_path: Path, fault: str, said: str
    ) -> None:
        adapter = make_adapter(nano_base, tmp_path / "adapter", seed=0)
        before = answers(scorer, nano_base, PROMPTS, adapter)
        broken = spoilt(adapter, tmp_path / "broken", "adapter_model.safetensors", fault)

        with pytest.raises(ScoringFailed, match=said):
            answers(scorer, nano_base, PROMPTS, broken)
        assert answers(scorer, nano_base, PROMPTS, adapter) == before

    @pytest.mark.filterwarnings("ignore::FutureWarning")  # of a name that PEFT itself uses
    def test_an_adapter_with_tokens_that_its_base_model_lacks_is_refused(
        self, scorer: Scorer, nano_base: Path, tmp_path: Path
    ) -> None:
        from transformers import AutoTokenizer

        adapter = make_adapter(nano_base, tmp_path, seed=0)
        tokenizer = AutoTokenizer.from_pretrained(adapter)
        tokenizer.add_tokens([f"<{number}>" for number in range(1000)])
        tokenizer.save_pretrained(adapter)

        with pytest.raises(ScoringFailed, match=r"vocabulary.* base model's own tokenizer"):
            answers(scorer, nano_base, ["red <999>"], adapter)

    def test_a_share_of_the_items_is_scored_with_its_likelihood_and_compared_on_what_both_answered(
        self, scorer: Scorer, request_: ScoreRequest
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

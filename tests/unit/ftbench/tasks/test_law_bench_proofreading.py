"""LawBench 2-1: edits of corrected sentences, after ChERRANT on characters."""

import json
import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ftbench.tasks.law_bench.alignment import MAX_ALIGNMENTS, Block, cheapest_alignments
from ftbench.tasks.law_bench.approximate import count_edits_roughly
from ftbench.tasks.law_bench.correction import f_half
from ftbench.tasks.law_bench.edit_costs import cost_grid, substitutions
from ftbench.tasks.law_bench.proofreading import Edits, count_edits

Triple = tuple[str, str, str]

UNLIKE = 4 / 6 + 0.5 + 0.25
AMBIGUOUS = ("甲乙甲", "乙丁乙")  # can be aligned in two ways that cost the same


class TestSubstitutions:
    @pytest.mark.parametrize(
        ("old", "new", "cost"),
        [
            ("法", "法", 0.0),
            ("法", "院", UNLIKE),
            ("诉", "述", 4 / 6 + 0.5 + 0.25),  # su and shu
            ("仗", "账", 4 / 6 + 0.25),  # both zhang
            ("行", "航", 4 / 6 + 0.25),  # one of the readings of 行 is hang
            ("，", "；", 4 / 6 + 0.5),
            ("，", "法", 4 / 6 + 0.5 + 0.499),
            ("。", "，", 4 / 6 + 0.5 + 0.499),  # no mark to ChERRANT
            ("3", "三", UNLIKE),
        ],
    )
    def test_it_is_cheap_to_confuse_what_sounds_alike(
        self, old: str, new: str, cost: float
    ) -> None:
        assert substitutions(old, new)[0, 0] == pytest.approx(cost, abs=1e-12)

    def test_a_substitution_never_costs_as_much_as_a_deletion_and_an_insertion(self) -> None:
        chars = "法院述诉，；。。!a3仗账"

        assert substitutions(chars, chars).max() < 2

    def test_one_cost_for_each_pair_of_characters(self) -> None:
        assert substitutions("甲乙甲", "乙丙").shape == (3, 2)
        assert substitutions("", "甲").shape == (0, 1)


class TestCheapestCosts:
    @pytest.mark.parametrize(
        ("source", "target", "cost"),
        [
            ("", "", 0.0),
            ("", "甲乙", 2.0),
            ("甲乙", "", 2.0),
            ("甲乙", "甲乙", 0.0),
            ("甲乙", "乙甲", 1.0),
            ("甲乙丙", "丙甲乙", 2.0),
            ("甲丙", "甲乙丙", 1.0),
            ("甲丙", "甲金", UNLIKE),
        ],
    )
    def test_they_are_reached_with_the_cheapest_steps(
        self, source: str, target: str, cost: float
    ) -> None:
        assert cost_grid(source, target).cheapest[-1, -1] == pytest.approx(cost, abs=1e-12)

    def test_they_are_those_of_the_plain_recursion(self) -> None:
        rng = random.Random(0)
        for _ in range(300):
            source, target = (
                "".join(rng.choices("甲乙丙的地，", k=rng.randint(0, 9))) for _ in range(2)
            )

            assert np.array_equal(cost_grid(source, target).cheapest, plain_costs(source, target))

    def test_equal_characters_are_kept_even_if_rounding_makes_it_dearer(self) -> None:
        source = "甲，甲丙丙乙。丙丙，甲丙，乙乙乙。甲乙乙甲"
        target = "乙，，，丙丙，丙。乙丙乙，乙丙乙甲丙丙乙丙。甲。丙。，乙。，"

        assert np.array_equal(cost_grid(source, target).cheapest, plain_costs(source, target))


def plain_costs(source: str, target: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return the cheapest costs as ChERRANT's rules say them, point by point, in cubic time."""
    costs = np.zeros((len(source) + 1, len(target) + 1))
    costs[:, 0], costs[0] = np.arange(len(source) + 1), np.arange(len(target) + 1)
    substituted = substitutions(source, target)
    for i, old in enumerate(source, 1):
        for j, new in enumerate(target, 1):
            if old == new:
                costs[i, j] = costs[i - 1, j - 1]
                continue
            ways = [costs[i - 1, j - 1] + substituted[i - 1, j - 1]]
            ways += [costs[i, j - 1] + 1, costs[i - 1, j] + 1]
            for k in range(2, min(i, j) + 1):
                if costs[i - k + 1, j - k + 1] == costs[i - k, j - k]:
                    break
                if sorted(source[i - k : i]) == sorted(target[j - k : j]):
                    ways.append(costs[i - k, j - k] + (k - 1))
                    break
            costs[i, j] = min(ways)
    return costs


class TestAlignments:
    def test_they_are_the_blocks_of_the_sentence_in_order(self) -> None:
        assert cheapest_alignments("甲乙丙", "甲丙丁") == [
            (
                Block("keep", 0, 1, 0, 1),
                Block("delete", 1, 2, 1, 1),
                Block("keep", 2, 3, 1, 2),
                Block("insert", 3, 3, 2, 3),
            )
        ]

    def test_all_that_are_equally_cheap_are_found(self) -> None:
        assert len(cheapest_alignments(*AMBIGUOUS)) == 2
        assert {blocks[0].kind for blocks in cheapest_alignments("甲乙丙", "丙甲乙")} == {
            "move",
            "insert",
        }

    def test_only_the_first_is_taken_of_sentences_of_very_different_length(self) -> None:
        source, target = (f"{text}原告" for text in AMBIGUOUS)

        assert len(cheapest_alignments(source, target + "的" * 10)) == 2
        assert len(cheapest_alignments(source, target + "的" * 11)) == 1

    def test_only_the_first_is_taken_where_there_are_too_many(self) -> None:
        apart = [f"{'原被审判'[i % 4]}{i}" for i in range(12)]
        source = "".join(AMBIGUOUS[0] + mark for mark in apart)
        target = "".join(AMBIGUOUS[1] + mark for mark in apart)

        assert 2 ** len(apart) > MAX_ALIGNMENTS
        (only,) = cheapest_alignments(source, target)
        assert only[-1].end == len(source)

    def test_each_covers_both_sentences_without_a_gap(self) -> None:
        for blocks in some_alignments():
            starts = [(block.start, block.target_start) for block in blocks]
            ends = [(block.end, block.target_end) for block in blocks]

            assert [(0, 0), *ends] == [*starts, (7, 7)]

    def test_neighbouring_changes_are_one_block(self) -> None:
        for blocks in some_alignments():
            for block, following in pairwise(blocks):
                assert {"keep", "move"} & {block.kind, following.kind}


def some_alignments() -> Iterator[tuple[Block, ...]]:
    rng = random.Random(1)
    for _ in range(300):
        source, target = ("".join(rng.choices("甲乙丙，", k=7)) for _ in range(2))
        yield from cheapest_alignments(source, target)


class TestEdits:
    @pytest.mark.parametrize(
        ("source", "gold", "edits"),
        [
            ("上诉证据属实", "上述证据属实", 1),
            ("本院认为", "本院审理认为", 1),  # neighbouring insertions are one edit
            ("犯罪嫌疑人已经到案", "嫌疑人到案", 2),
            ("甲乙丙丁", "甲子丑丁", 1),  # so are neighbouring substitutions
            ("他们去法院", "们他去法院", 1),
            ("旅游去陌生的地方", "去陌生的地方旅游", 1),
            ("被告人系甲", "被告系甲人", 1),
            ("冬阴功对外国人", "外国人对冬阴功", 1),
            ("甲乙，丙丁", "丙丁，甲戊", 1),  # one slip in what was moved
            ("甲乙，", "，乙甲", 1 + 3),  # around a part that is moved itself; or three other edits
            ("乙丙甲甲", "甲乙乙丙", 1),
            ("乙甲", "丙乙", 2),  # deleted and inserted, but not the same
            ("甲乙法院丙", "法院丁戊丙", 2),
            ("甲丙", "甲丙甲", 1),
            ("法院认为", "法院认为", 0),
        ],
    )
    def test_what_belongs_together_is_one_edit(self, source: str, gold: str, edits: int) -> None:
        assert count_edits(source, gold, gold) == Edits(edits, 0, 0)
        assert count_edits(source, gold, source) == Edits(0, 0, edits)
        assert count_edits(source, source, gold) == Edits(0, edits, 0)

    def test_an_edit_is_right_at_its_place_with_its_replacement(self) -> None:
        source, gold = "上诉证据以经属实", "上述证据已经属实"

        assert count_edits(source, gold, "上述证据以经属实") == Edits(1, 0, 1)
        assert count_edits(source, gold, "上述证据己经属实") == Edits(1, 1, 1)
        assert count_edits(source, gold, "上述证据已经全部属实") == Edits(2, 1, 0)

    def test_a_moved_punctuation_mark_is_taken_out_and_put_in(self) -> None:
        assert count_edits("法院，本院乙", "法院，本院乙", "，法院本院乙").spurious > 1

    def test_an_edit_counts_once_for_each_set_of_edits_that_has_it(self) -> None:
        source, target = AMBIGUOUS
        alone = count_edits(source, source, target).spurious
        source, target = f"{source}原告上诉", f"{target}原告上述"

        assert count_edits(source, source, target) == Edits(0, alone + 2, 0)
        assert count_edits(source, target, source) == Edits(0, 0, alone + 2)
        assert count_edits(source, target, target) == Edits(alone + 2, 0, 0)

    def test_whitespace_does_not_count(self) -> None:
        assert count_edits("上诉证 据", "上述证据", " 上述\u3000证\r据") == Edits(1, 0, 0)

    def test_traditional_characters_count_as_simplified(self) -> None:
        assert count_edits("请求驳回上述", "请求驳回上诉", "請求駁回上訴") == Edits(1, 0, 0)

    def test_an_answer_may_say_that_there_are_no_errors(self) -> None:
        assert count_edits("上诉证据", "上述证据", "没有错误") == Edits(0, 0, 1)

    @pytest.mark.parametrize("odd", ["", " ", "\0\0甲", "\ud800", "😀𠀀", "\u0301"])
    def test_any_text_can_be_compared(self, odd: str) -> None:
        assert count_edits("上诉证据", "上述证据", odd).missed == 1
        assert count_edits("", odd, odd).missed == 0

    @pytest.mark.parametrize("kind", ["other", "shuffled", "two characters", "backwards"])
    def test_sentences_of_a_thousand_characters_are_compared_too(self, kind: str) -> None:
        rng = random.Random(2)
        source = "".join(chr(0x4E00 + rng.randrange(800)) for _ in range(1000))
        target = {
            "other": "".join(chr(0x4E00 + rng.randrange(800)) for _ in range(1000)),
            "shuffled": "".join(rng.sample(source, 1000)),
            "two characters": "".join(rng.choices("甲乙", k=1000)),
            "backwards": source[::-1],
        }[kind]
        source = "".join(rng.choices("甲乙", k=1000)) if kind == "two characters" else source

        edits = count_edits(source, source[1:], target)

        assert edits.hits + edits.missed >= 1
        assert edits.spurious >= 1


@pytest.fixture(scope="module")
def folder() -> Path:
    folder = Path(os.environ.get("FTBENCH_DATA", "")) / "lawbench"
    if "FTBENCH_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("needs the published files of law_bench: set FTBENCH_DATA to their folder")
    return folder


def published(folder: Path, model: str) -> Iterator[Triple]:
    """Yield source, gold and prediction as upstream's wsjd.py prepares them."""
    for row in json.loads((folder / f"predictions/{model}/2-1.json").read_text()).values():
        prompt = row["origin_prompt"]
        prompt = prompt if isinstance(prompt, str) else prompt[0]["prompt"]
        gold = row["refr"]
        answer = row["prediction"].replace("\n", "").replace("\t", "")
        source = prompt.split("句子：\n")[1].split("\n")[0]
        yield source, gold, answer[: len(gold) + 5] or "无内容"


def total(counts: Iterator[Edits]) -> Edits:
    return Edits(*map(sum, zip(*counts, strict=True)))


class TestPublished:
    def test_the_gold_is_perfect_and_a_copy_is_worthless(self, folder: Path) -> None:
        rows = [(source, gold) for source, gold, _ in published(folder, "GPT4")]

        assert total(count_edits(source, gold, gold) for source, gold in rows) == (601, 0, 0)
        # Five sources hold a traditional character, which simplifying the copy changes.
        assert total(count_edits(source, gold, source) for source, gold in rows) == (1, 4, 600)

    @pytest.mark.parametrize(
        ("model", "upstream", "ours", "difflibs"),
        # The end tag that stands in Qwen's prompts is part of the sentence for upstream, as here.
        [("GPT4", 0.1253, 0.1275, 0.1319), ("qwen-7b-chat-hf", 0.2256, 0.2241, 0.2338)],
    )
    def test_f_half_is_near_the_published_one_and_nearer_than_difflibs(
        self, folder: Path, model: str, upstream: float, ours: float, difflibs: float
    ) -> None:
        score = f_half(total(count_edits(*row) for row in published(folder, model)))
        rough = f_half(total(count_edits_roughly(*row) for row in published(folder, model)))

        assert score == pytest.approx(ours, abs=5e-5)
        assert rough == pytest.approx(difflibs, abs=2e-3)
        assert abs(score - upstream) < 0.0025 < abs(rough - upstream)

"""LawBench: its items, its files, and the published scores it must give."""

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.tasks import fixture_of
from ftbench.tasks.law_bench.predictions import DROPPED
from ftbench.tasks.law_bench.subtasks import SUBTASKS
from ftbench.tasks.law_bench.task import TASK, case_of
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

PERCENT = 0.006  # of scores published to two

# Upstream's README_EN.md at the pinned commit, zero-shot. 2-9 and 2-10 come without predictions.
GPT_4 = {
    "1-1": 15.38, "1-2": 55.20, "2-2": 41.65, "2-3": 69.79, "2-4": 44.00,
    "2-5": 56.50, "2-6": 76.60, "2-7": 37.92, "2-8": 61.20, "3-1": 52.47, "3-2": 27.54,
    "3-3": 41.99, "3-4": 82.62, "3-5": 81.91, "3-6": 48.60, "3-7": 77.60, "3-8": 19.65,
}  # fmt: skip
QWEN_7B_CHAT = {
    "1-1": 18.54, "1-2": 34.00, "2-2": 27.42, "2-3": 31.42, "2-4": 35.00,
    "2-5": 48.48, "2-6": 37.88, "2-7": 36.04, "2-8": 24.00, "3-1": 44.62, "3-2": 33.50,
    "3-3": 40.67, "3-4": 76.74, "3-5": 77.19, "3-6": 26.80, "3-7": 42.00, "3-8": 19.32,
}  # fmt: skip


def percents(answers: Mapping[str, str], subtasks: Collection[str]) -> dict[str, float]:
    """Return every metric of the published items that are answered, in percent."""
    items = [
        item
        for item in published_items("law_bench")
        if item.subtask in subtasks and item.id in answers
    ]
    sums = total([TASK.judge(item, answers[item.id], strict=False).counts for item in items])
    known = {name: metric(sums) for name, metric in TASK.metrics.items()}
    return {name: 100 * value for name, value in known.items() if value is not None}


def published_predictions(model: str) -> dict[str, str]:
    items = published_items("law_bench")
    folder = Path(os.environ["FTBENCH_DATA"]) / "lawbench/predictions" / model
    if not folder.is_dir():
        pytest.skip(f"needs the published predictions in {folder}")
    assert TASK.read_predictions is not None
    return TASK.read_predictions(folder, items)


class TestItems:
    def test_the_answer_has_the_form_that_the_instruction_asks_for(self) -> None:
        answers = {item.id: item.answer for item in fixture_items("law_bench")}

        assert answers["1-2/0"] == "[正确答案]B<eoa>"
        assert (
            answers["2-6/0"]
            == "犯罪嫌疑人:丁某\n受害人:戊某\n被盗物品:一副鱼竿\n时间:2031年3月\n地点:东湖码头"
        )
        assert answers["2-6/1"] == "无"
        assert answers["3-1/1"] == "[法条]刑法第234条、刑法第275条<eoa>"
        assert answers["3-4/0"] == "[刑期]6月<eoa>"
        assert answers["3-7/1"] == "[金额]800元<eoa>"

    def test_that_answer_is_right(self) -> None:
        items = fixture_items("law_bench")
        marks = {item.id: TASK.judge(item, item.answer or "", strict=False) for item in items}

        assert {id for id, mark in marks.items() if mark.value < 0.999} == set()

    def test_every_subtask_reads_its_constant(self) -> None:
        for item in fixture_items("law_bench"):
            mark = TASK.judge(item, SUBTASKS[item.subtask].constant, strict=False)
            assert mark.parsed or item.subtask == "2-6", item.id  # its constant is: none

    def test_one_case_is_one_group_in_every_subtask(self) -> None:
        group = {item.id: item.group for item in fixture_items("law_bench")}

        assert len({group[f"{subtask}/1"] for subtask in ("3-1", "3-3", "3-4", "3-5")}) == 1
        assert group["2-9/0"] == group["2-10/0"]
        assert group["3-1/0"] != group["3-1/1"]

    def test_a_case_is_its_facts_whatever_the_blanks(self) -> None:
        assert case_of("事实:甲 偷船。\r\n罪名:盗窃。法条:刑法第264条") == case_of(
            "事实:甲偷船。\r\n"
        )
        assert case_of("甲偷船。\n罪名:盗窃") == "甲偷船。罪名:盗窃"

    def test_strict_mode_changes_nothing(self) -> None:
        for item in fixture_items("law_bench"):
            question = item.record["question"]
            lenient, strict = (TASK.judge(item, question, strict=s) for s in (False, True))
            assert lenient == strict

    def test_the_one_number_is_the_mean_of_twenty(self) -> None:
        sums: dict[str, float] = {}
        for number, subtask in enumerate(SUBTASKS):
            sums |= {f"{subtask}.score": float(number), f"{subtask}.n": 20.0}
        sums |= {"2-1.hits": 1.0, "2-1.spurious": 0.0, "2-1.missed": 0.0}
        plain = sum(number / 20 for number in range(20)) - 2 / 20

        assert TASK.metrics["law_bench"](sums) == pytest.approx((plain + 1.0) / 20)
        assert (
            TASK.metrics["law_bench"]({key: n for key, n in sums.items() if key != "3-8.n"}) is None
        )


class TestFiles:
    def load(self, folder: Path, subtask: str, content: str) -> None:
        for file in (fixture_of("law_bench") / "zero_shot").glob("*.json"):
            (folder / "zero_shot").mkdir(exist_ok=True)
            (folder / "zero_shot" / file.name).write_bytes(file.read_bytes())
        (folder / "zero_shot" / f"{subtask}.json").write_text(content, encoding="utf-8")
        TASK.load(Files("law_bench", TASK.source, folder))

    @pytest.mark.parametrize(
        ("row", "found"),
        [
            ({"instruction": "", "question": ""}, r"record 1: wanted 'answer', found"),
            (
                {"instruction": "", "question": 3, "answer": "罪名:甲"},
                r"record 1: wanted .* found 3;",
            ),
            (
                {"instruction": "", "question": "", "answer": "甲"},
                r"record 1: wanted .* found '甲';",
            ),
        ],
    )
    def test_a_row_of_another_form_is_refused(
        self, tmp_path: Path, row: dict[str, Any], found: str
    ) -> None:
        with pytest.raises(DataFailed, match=rf"3-3\.json {found}"):
            self.load(tmp_path, "3-3", json.dumps([row], ensure_ascii=False))

    def test_a_label_that_no_one_can_choose_is_refused(self, tmp_path: Path) -> None:
        row = {"instruction": "", "question": "", "answer": "争议焦点类别：天气。"}

        with pytest.raises(DataFailed, match=r"2-2\.json record 1: wanted .*争议焦点类别"):
            self.load(tmp_path, "2-2", json.dumps([row]))

    def test_a_file_that_is_no_json_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataFailed, match=r"3-8\.json: wanted a JSON file"):
            self.load(tmp_path, "3-8", "[{")


class TestPredictions:
    Write = Callable[[str, Any], Path]

    @pytest.fixture
    def write(self, tmp_path: Path) -> Write:
        def write(name: str, entries: Any) -> Path:
            (tmp_path / name).write_text(json.dumps(entries), encoding="utf-8")
            return tmp_path / name

        return write

    def entry(self, id: str, prediction: object) -> dict[str, object]:
        item = next(item for item in fixture_items("law_bench") if item.id == id)
        prompt = f"<|im_start|>user\n{item.messages[0].content}<|im_end|>\n"
        return {"origin_prompt": prompt, "prediction": prediction, "refr": item.record["answer"]}

    def read(self, path: Path) -> dict[str, str]:
        assert TASK.read_predictions is not None
        return TASK.read_predictions(path, fixture_items("law_bench"))

    def test_a_folder_is_read_file_by_file(self, write: Write, tmp_path: Path) -> None:
        write("3-1.json", {"1": self.entry("3-1/1", "234")})
        write("3-8.json", {"0": self.entry("3-8/0", None), "1": self.entry("3-8/1", " 可以\n")})

        assert self.read(tmp_path) == {"3-1/1": "234", "3-8/0": "", "3-8/1": " 可以\n"}

    def test_a_prompt_may_be_a_list_of_turns(self, write: Write) -> None:
        entry = self.entry("1-2/0", "B")
        entry["origin_prompt"] = [{"role": "HUMAN", "prompt": entry["origin_prompt"]}]

        assert self.read(write("1-2.json", {"0": entry})) == {"1-2/0": "B"}

    def test_an_entry_at_another_index_counts_for_the_item_it_asks_about(
        self, write: Write
    ) -> None:
        path = write("2-2.json", {"0": self.entry("2-2/1", "b"), "7": self.entry("2-2/0", "a")})

        assert self.read(path) == {"2-2/1": "b", "2-2/0": "a"}

    def test_questions_that_were_replaced_are_left_out(self, write: Write) -> None:
        old = {"origin_prompt": "旧的句子", "prediction": "赔偿", "refr": DROPPED}

        assert self.read(write("2-2.json", {"0": old})) == {}

    @pytest.mark.parametrize("change", [{"refr": "另一个"}, {"origin_prompt": "另一个"}])
    def test_an_entry_of_no_item_is_refused(self, write: Write, change: dict[str, str]) -> None:
        path = write("2-4.json", {"1": self.entry("2-4/1", "b") | change})

        with pytest.raises(DataFailed, match=r"2-4\.json index 1: wanted question and gold"):
            self.read(path)

    def test_one_item_is_not_answered_twice(self, write: Write) -> None:
        path = write("2-4.json", {"0": self.entry("2-4/0", "a"), "1": self.entry("2-4/0", "b")})

        with pytest.raises(DataFailed, match=r"2-4\.json index 1: wanted question and gold"):
            self.read(path)

    @pytest.mark.parametrize(
        ("name", "entries", "message"),
        [
            ("3-9.json", {}, "wanted a file named after a subtask"),
            ("3-1.json", [], "wanted an object with a key for each index"),
            ("3-1.json", {"0": {"prediction": ""}}, "index 0: wanted 'origin_prompt'"),
        ],
    )
    def test_files_of_another_form_are_refused(
        self, write: Write, name: str, entries: Any, message: str
    ) -> None:
        with pytest.raises(DataFailed, match=message):
            self.read(write(name, entries))

    def test_a_prediction_is_text(self, write: Write) -> None:
        with pytest.raises(DataFailed, match="index 0: wanted a prediction that is a string"):
            self.read(write("2-4.json", {"0": self.entry("2-4/0", ["a"])}))

    def test_an_empty_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataFailed, match=r"wanted a folder of files like 3-1\.json"):
            self.read(tmp_path)


class TestPublished:
    def test_there_are_500_items_in_each_of_20_subtasks(self) -> None:
        items = published_items("law_bench")

        assert len(items) == 10_000
        assert {item.id for item in items} == {f"{s}/{n}" for s in SUBTASKS for n in range(500)}
        assert all(item.published for item in items)

    def test_cases_are_shared_as_counted(self) -> None:
        cases = {
            subtask: {i.group for i in published_items("law_bench") if i.subtask == subtask}
            for subtask in ("3-1", "3-3", "3-4", "3-5")
        }

        assert len(cases["3-1"]) == 500
        assert cases["3-1"] == cases["3-4"] == cases["3-5"]
        assert len(cases["3-1"] & cases["3-3"]) == 86

    def test_the_published_answers_score_what_the_published_scorer_gives_them(self) -> None:
        gold = {item.id: item.record["answer"] for item in published_items("law_bench")}
        known = {"1-1": 97.19, "2-5": 93.47, "2-6": 62.91, "3-3": 93.22}

        scores = percents(gold, SUBTASKS)

        assert scores.pop("law_bench") == pytest.approx(97.34, abs=PERCENT)
        assert scores == pytest.approx(
            dict.fromkeys([*SUBTASKS, "2-1-difflib"], 100.0) | known, abs=PERCENT
        )

    def test_answers_as_a_model_should_write_them_reach_the_ceiling(self) -> None:
        answers = {item.id: item.answer or "" for item in published_items("law_bench")}
        quick = [subtask for subtask in SUBTASKS if subtask != "2-1"]  # where both are the same
        known = {"2-6": 99.89, "3-3": 93.22}

        scores = percents(answers, quick)

        assert scores == pytest.approx(dict.fromkeys(quick, 100.0) | known, abs=PERCENT)

    @pytest.mark.parametrize(
        ("model", "published"), [("GPT4", GPT_4), ("qwen-7b-chat-hf", QWEN_7B_CHAT)]
    )
    def test_published_predictions_score_as_published(
        self, model: str, published: dict[str, float]
    ) -> None:
        scores = percents(published_predictions(model), published)

        assert scores == pytest.approx(published, abs=PERCENT)

    @pytest.mark.parametrize(
        ("model", "end_of_prompt", "published"),
        [("GPT4", "", 12.53), ("qwen-7b-chat-hf", "<|im_end|>", 22.56)],
    )
    def test_proofreading_scores_nearly_as_published_when_the_sentence_is_read_as_upstream_does(
        self, model: str, end_of_prompt: str, published: float
    ) -> None:
        answers = published_predictions(model)
        items = [item for item in published_items("law_bench") if item.subtask == "2-1"]
        rows = [{**i.record, "question": i.record["question"] + end_of_prompt} for i in items]

        sums = total(
            [
                TASK.judge(replace(item, record=row), answers[item.id], strict=False).counts
                for item, row in zip(items, rows, strict=True)
            ]
        )

        assert TASK.metrics["2-1"](sums) == pytest.approx(published / 100, abs=0.003)

    def test_the_published_predictions_answer_485_items_of_2_2(self) -> None:
        ids = [id for id in published_predictions("GPT4") if id.startswith("2-2/")]

        assert len(ids) == 485

    @pytest.mark.parametrize(
        ("name", "known"),
        [
            ("constant", {"1-2": 29.0, "2-5": 33.5, "3-4": 81.97, "3-5": 81.97}),
            ("copy the question", {"2-7": 46.13, "3-4": 69.17, "3-7": 43.6}),
        ],
    )
    def test_baselines_score_as_the_readme_says(self, name: str, known: dict[str, float]) -> None:
        items = published_items("law_bench")
        answers = TASK.baselines[name]([], items)

        scores = percents(dict(zip([item.id for item in items], answers, strict=True)), known)

        assert scores == pytest.approx(known, abs=PERCENT)

from pathlib import Path

import pytest

from ftbench.scoring import Scope, in_scope, judge_all, measure
from ftbench.sources import Files
from ftbench.task import Split
from ftbench.tasks.sst2.task import TASK
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("positive", "positive"),
        ("NEGATIVE.", "negative"),
        ("It is Positive, not negative", "positive"),
        ("positively charming", None),
        ("", None),
    ],
)
def test_the_first_whole_word_that_is_a_label_is_the_answer(answer: str, label: str | None) -> None:
    item = next(item for item in fixture_items("sst2") if item.answer == "positive")

    judged = TASK.judge(item, answer, strict=False)

    assert judged.parsed == label
    assert judged.value == float(label == "positive")


def test_a_phrase_that_occurs_twice_is_taken_once_and_a_test_sentence_never(
    tmp_path: Path,
) -> None:
    for name, lines in (
        ("train", ["fine \t1", "whole test sentence \t0"]),
        ("dev", ["fine \t1", "dull\t0"]),
        ("test", ["whole test sentence\t0"]),
    ):
        (tmp_path / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")

    items = TASK.load(Files("sst2", TASK.source, tmp_path)).items

    assert sorted(item.record["sentence"] for item in items if item.split is not Split.TEST) == [
        "dull",
        "fine",
    ]


def test_a_label_that_is_hidden_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    for name in ("train", "dev"):
        (tmp_path / f"{name}.tsv").write_text("sentence\tlabel\nfine\t1\n")
    (tmp_path / "test.tsv").write_text("sentence\tlabel\nfine\t1\ndull\t-1\n")

    with pytest.raises(DataFailed, match=r"test\.tsv line 3: wanted a sentence and a label 0 or 1"):
        TASK.load(Files("sst2", TASK.source, tmp_path))


def test_the_published_sentences_number_872_and_the_commoner_label_is_right_for_half() -> None:
    items = published_items("sst2")
    test = in_scope(items, Scope.PUBLISHED)
    judged = judge_all(TASK, test, dict.fromkeys((item.id for item in test), "positive"))

    assert len(test) == 872
    assert [len(in_scope(items, scope)) for scope in (Scope.TRAIN, Scope.DEV, Scope.CONFIRM)] == [
        64275,
        1378,
        1325,
    ]
    assert measure(TASK, test, judged)["accuracy"].value == pytest.approx(0.5092, abs=1e-4)


def test_a_folder_may_hold_the_publishers_parquet_files(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    for name, sentences in (("train", ["fine ", "dull "]), ("test", ["a joy "])):
        table = pyarrow.table({"sentence": sentences, "label": [1] * len(sentences)})
        parquet.write_table(table, tmp_path / f"{name}.parquet")

    items = TASK.load(Files("sst2", TASK.source, tmp_path)).items

    assert sorted(item.record["sentence"] for item in items) == ["a joy", "dull", "fine"]

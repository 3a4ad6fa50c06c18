"""HoC: the grammar of its label files, F1 over labels, splits with and without BLURB's index."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ftbench.metrics.sums import Ratio, total
from ftbench.sources import Files
from ftbench.task import Item
from ftbench.tasks import fixture_of
from ftbench.tasks.hoc.corpus import HALLMARKS, parse_labels
from ftbench.tasks.hoc.f1 import MacroF1, MicroF1, f1, outcomes
from ftbench.tasks.hoc.task import NONE, TASK, hallmarks_in
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

BLURB = ("train_pmid.tsv", "dev_pmid.tsv", "test_pmid.tsv")


def item_with(*hallmarks: str) -> Item:
    (first, *_) = fixture_items("hoc")
    return Item(
        id="1",
        split=first.split,
        published=False,
        group="1",
        messages=first.messages,
        answer="; ".join(hallmarks) or NONE,
        record={"pmid": "1", "hallmarks": list(hallmarks)},
    )


def scores(answers: list[str], items: list[Item]) -> dict[str, float | None]:
    judged = [TASK.judge(i, a, strict=False) for i, a in zip(items, answers, strict=True)]
    sums = total([one.counts for one in judged])
    return {name: metric(sums) for name, metric in TASK.metrics.items()}


def files_at(folder: Path) -> Files:
    return Files("hoc", TASK.source, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fixture_of("hoc"), tmp_path / "hoc"))


@pytest.fixture
def published_hoc() -> Path:
    published_items("hoc")  # skips without the files
    return Path(os.environ["FTBENCH_DATA"]) / "hoc"


@pytest.fixture
def without_index(folder: Path) -> Path:
    for name in BLURB:
        (folder / name).unlink()
    return folder


def test_the_vector_of_four_documents_and_three_labels() -> None:
    right = [["a"], ["b"], ["a", "b"], []]
    predicted = [["a"], [], ["a", "b", "c"], []]

    sums = total([outcomes(p, r) | {"n": 1.0} for p, r in zip(predicted, right, strict=True)])

    assert MacroF1("abc")(sums) == pytest.approx(0.5556, abs=5e-5)
    assert MicroF1("abc")(sums) == pytest.approx(0.75)


def test_a_label_is_right_or_a_false_alarm_or_missed() -> None:
    assert outcomes(["a", "b"], ["b", "c"]) == {"a.fp": 1.0, "b.tp": 1.0, "c.fn": 1.0}


def test_the_same_vector_through_the_judge() -> None:
    a, b, c = HALLMARKS[:3]
    items = [item_with(a), item_with(b), item_with(a, b), item_with()]

    reached = scores([a, "none", f"{a}; {b}; {c}", "none"], items)

    # Seven labels that nothing has and nobody predicted count 0 in the mean over ten.
    assert reached["macro_f1"] == pytest.approx(0.5556 * 3 / 10, abs=5e-5)
    assert reached["micro_f1"] == pytest.approx(0.75)
    assert reached["samples_f1"] == pytest.approx(0.45)
    assert reached["exact"] == 0.5


def test_none_is_an_eleventh_label_in_one_metric_only() -> None:
    items = [item_with(), item_with(HALLMARKS[0])]

    reached = scores(["none", "none"], items)

    assert reached["macro_f1"] == 0.0
    assert reached["micro_f1"] == 0.0
    assert reached["macro_f1_with_none"] == pytest.approx(f1(1, 1, 0) / 11)


def test_metrics_of_nothing_are_unknown() -> None:
    assert {metric({}) for metric in TASK.metrics.values()} == {None}


def test_each_document_has_its_own_f1_for_a_value() -> None:
    a, b, c = HALLMARKS[:3]

    assert TASK.judge(item_with(a, b), f"{a}; {c}", strict=False).value == 0.5
    assert TASK.judge(item_with(a, b), f"{b}; {a}", strict=False).value == 1.0
    assert TASK.judge(item_with(), "none", strict=False).value == 1.0
    assert TASK.judge(item_with(), a, strict=False).value == 0.0


def test_a_document_without_hallmarks_never_adds_to_samples_f1() -> None:
    assert TASK.judge(item_with(), "none", strict=False).counts["samples_f1"] == 0.0
    assert TASK.metrics["samples_f1"] == Ratio("samples_f1", "n")


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("resisting cell death; inducing angiogenesis", [HALLMARKS[6], HALLMARKS[7]]),
        ("Sustaining Proliferative Signalling", [HALLMARKS[8]]),
        ("- **Tumour-promoting\n  inflammation**", [HALLMARKS[9]]),
        ("It shows deregulated cellular energetics.", [HALLMARKS[2]]),
        ("None", []),
        ("none; resisting cell death", [HALLMARKS[7]]),
        ("nonetheless unclear", None),
        ("angiogenesis", None),
        ("", None),
    ],
)
def test_hallmarks_are_found_where_they_are_named(answer: str, named: list[str] | None) -> None:
    assert hallmarks_in(answer) == named


def test_what_was_understood_is_written_as_an_answer() -> None:
    item = item_with(HALLMARKS[0])

    assert TASK.judge(item, "None.", strict=False).parsed == "none"
    assert TASK.judge(item, "no idea", strict=False).parsed is None
    assert (
        TASK.judge(item, "Resisting cell death and cellular energetics", strict=False).parsed
        == "cellular energetics; resisting cell death"
    )


def test_strict_changes_nothing() -> None:
    item = item_with(HALLMARKS[0])

    assert TASK.judge(item, "tumour-promoting inflammation", strict=True) == TASK.judge(
        item, "tumour-promoting inflammation", strict=False
    )


def test_labels_are_read_sentence_by_sentence() -> None:
    line = (
        "<Resisting cell death--Apoptosis ANDInducing angiogenesis--< "
        "<  Genomic instability and mutation--DNA damage--<NULL"
        "<Cellular energetics-- ANDCellular energetics--Glycolysis/Warburg effect "
    )

    assert [sorted(labels) for labels in parse_labels(line, "labels")] == [
        ["inducing angiogenesis", "resisting cell death"],
        [],
        ["genomic instability and mutation"],
        [],
        ["cellular energetics"],
    ]


def test_an_abstract_has_the_hallmarks_of_its_sentences() -> None:
    answers = {item.id: item.answer for item in fixture_items("hoc")}

    assert answers["99000001"] == "inducing angiogenesis; resisting cell death"
    assert answers["99000002"] == "none"


def test_the_prompt_has_the_ten_names_and_the_whole_abstract() -> None:
    item = next(item for item in fixture_items("hoc") if item.id == "99000022")

    (message,) = item.messages

    assert all(f"- {hallmark}\n" in message.content for hallmark in HALLMARKS)
    assert "HB-3 cells passed the checkpoint with damaged DNA ." in message.content


def test_the_index_of_blurb_decides_where_it_is_there(folder: Path) -> None:
    loaded = TASK.load(files_at(folder))

    assert loaded.notes == ()
    assert {item.id: (item.split.value, item.published) for item in loaded.items} == {
        "99000001": ("train", False),
        "99000002": ("train", False),
        "99000003": ("train", False),
        "99000032": ("confirm", False),
        "99000004": ("dev", False),
        "99000019": ("test", True),
        "99000022": ("test", True),
        "99000026": ("test", True),
    }


def test_without_the_index_splits_are_drawn_and_a_note_says_so(without_index: Path) -> None:
    loaded = TASK.load(files_at(without_index))

    assert {item.id: item.split.value for item in loaded.items} == {
        "99000001": "train",
        "99000002": "train",
        "99000003": "train",
        "99000004": "dev",
        "99000019": "test",
        "99000022": "train",
        "99000026": "train",
        "99000032": "test",
    }
    assert loaded.notes == (
        "without the index files of BLURB (train_pmid.tsv, dev_pmid.tsv, test_pmid.tsv) the "
        "splits are our own, so that scores are not on BLURB's test set",
    )


def test_a_part_of_the_index_is_refused(folder: Path) -> None:
    (folder / "test_pmid.tsv").unlink()

    with pytest.raises(DataFailed, match=r"or none of them, found train_pmid\.tsv, dev_pmid\.tsv "):
        TASK.load(files_at(folder))


def test_an_abstract_in_two_parts_is_refused(folder: Path) -> None:
    (folder / "test_pmid.tsv").write_text("99000001.txt")

    with pytest.raises(DataFailed, match="found 99000001 in train and test; fetch the index again"):
        TASK.load(files_at(folder))


def test_an_abstract_in_no_part_is_refused(folder: Path) -> None:
    (folder / "test_pmid.tsv").write_text("99000019.txt,99000022.txt\n")

    with pytest.raises(DataFailed, match="found 99000026 in none"):
        TASK.load(files_at(folder))


def test_a_text_without_labels_is_named(folder: Path) -> None:
    (folder / "labels" / "99000002.txt").unlink()

    with pytest.raises(DataFailed, match=r"labels/99000002\.txt: wanted a file, found none"):
        TASK.load(files_at(folder))


def test_labels_for_another_number_of_sentences_are_refused(folder: Path) -> None:
    (folder / "labels" / "99000002.txt").write_text("< < < ")

    with pytest.raises(
        DataFailed,
        match=r"wanted labels for the 2 sentences of 99000002\.txt, found them for 3",
    ):
        TASK.load(files_at(folder))


def test_a_label_that_is_no_hallmark_is_refused(folder: Path) -> None:
    (folder / "labels" / "99000002.txt").write_text("< <Growing hair--Beards")

    with pytest.raises(DataFailed, match=r"99000002\.txt: wanted a hallmark, found 'growing hair'"):
        TASK.load(files_at(folder))


def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "text" / "99000002.txt").write_bytes(b"\xff\xfe")

    with pytest.raises(DataFailed, match=r"99000002\.txt: wanted UTF-8, found other bytes"):
        TASK.load(files_at(folder))


def test_a_folder_without_abstracts_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "text")
    (folder / "text").mkdir()

    with pytest.raises(DataFailed, match=r"wanted abstracts named PMID\.txt, found none"):
        TASK.load(files_at(folder))


def test_the_published_abstracts_have_the_known_labels() -> None:
    items = published_items("hoc")

    assert len(items) == 1852
    assert Counter(len(item.record["hallmarks"]) for item in items) == {
        0: 272,
        1: 920,
        2: 478,
        3: 145,
        4: 30,
        5: 7,
    }
    assert Counter(hallmark for item in items for hallmark in item.record["hallmarks"]) == dict(
        zip(HALLMARKS, (291, 108, 105, 115, 240, 333, 143, 429, 462, 240), strict=True)
    )


def test_the_published_sentences_have_the_known_labels(published_hoc: Path) -> None:
    sentences = [
        labels
        for path in (published_hoc / "labels").iterdir()
        for labels in parse_labels(path.read_text(), path.name)
    ]

    assert Counter(map(len, sentences)) == {0: 13021, 1: 3734, 2: 634, 3: 67, 4: 7, 5: 1}
    assert Counter(label for labels in sentences for label in labels) == dict(
        zip(HALLMARKS, (667, 226, 213, 295, 366, 768, 358, 832, 993, 518), strict=True)
    )


def test_the_published_answers_are_read_back_exactly() -> None:
    items = published_items("hoc")

    reached = scores([str(item.answer) for item in items], list(items))

    assert reached["macro_f1"] == reached["micro_f1"] == reached["exact"] == 1.0
    assert reached["macro_f1_with_none"] == 1.0
    assert reached["samples_f1"] == pytest.approx(1580 / 1852)


def test_the_commonest_hallmark_of_train_answers_everything() -> None:
    train = [item_with(HALLMARKS[3]), item_with(HALLMARKS[3], HALLMARKS[0]), item_with()]

    answers = TASK.baselines["the commonest hallmark for every abstract"](train, train[:2])

    assert answers == [HALLMARKS[3]] * 2


def test_the_commonest_hallmark_of_the_published_train_is_sustaining_proliferative_signaling() -> (
    None
):
    items = published_items("hoc")
    train = [item for item in items if item.split.value == "train"]

    answers = TASK.baselines["the commonest hallmark for every abstract"](train, items[:2])

    assert answers == ["sustaining proliferative signaling"] * 2


def test_trivial_answers_score_little_on_our_test_set() -> None:
    items = [item for item in published_items("hoc") if item.published]
    if len(items) != 355:
        pytest.skip("the index of BLURB is there, and with it another test set")

    none, everything = (
        scores(TASK.baselines[f"{name} for every abstract"]([], items), items)
        for name in ("none", "all ten")
    )

    assert none["macro_f1"] == 0.0
    assert everything["macro_f1"] == pytest.approx(0.2235, abs=5e-5)

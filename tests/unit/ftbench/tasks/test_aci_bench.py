"""ACI-BENCH: the metric of its scorer, its splits, and what a note without skill scores."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.task import Item, Split
from ftbench.tasks import fixture_of
from ftbench.tasks.aci_bench.task import TASK, rouge1
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

NOTE = "CHIEF COMPLAINT\n\nBack pain. She takes ibuprofen 200 mg."
ANSWER = "Chief complaint: back pain; takes ibuprofen daily"


def scores(answers: list[str], items: list[Item]) -> dict[str, float | None]:
    judged = [TASK.judge(i, a, strict=False) for i, a in zip(items, answers, strict=True)]
    sums = total([one.counts for one in judged])
    return {name: metric(sums) for name, metric in TASK.metrics.items()}


def files_at(folder: Path) -> Files:
    return Files("aci_bench", TASK.source, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fixture_of("aci_bench"), tmp_path / "aci_bench"))


def test_six_shared_words_of_seven_and_nine_score_three_quarters() -> None:
    assert rouge1(ANSWER, NOTE) == 0.75


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (ANSWER, NOTE),
        ("pain pain pain", "pain and more pain"),
        ("Café, naïve: 3.5mg b.i.d.", "cafe naive 3 5 mg bid"),
        ("under_score and re-check", "under score and recheck"),
        ("\u0130ndex \u212a", "index k"),
        ("nothing in common", "…"),
        ("", "words"),
    ],
)
def test_rouge1_equals_the_library(answer: str, note: str) -> None:
    scorer = RougeScorer(["rouge1"], use_stemmer=False)

    assert rouge1(answer, note) == pytest.approx(
        scorer.score(note, answer)["rouge1"].fmeasure, abs=1e-12
    )


def test_words_are_not_stemmed() -> None:
    assert rouge1("pains", "pain") == 0.0


def test_a_note_counts_for_its_file_and_its_dataset() -> None:
    item = next(item for item in fixture_items("aci_bench") if item.id == "test2/D2N940")

    judged = TASK.judge(item, "Annual exam.", strict=False)

    assert judged.counts == {
        "rouge1": judged.value,
        "n": 1.0,
        "test2.rouge1": judged.value,
        "test2.n": 1.0,
        "virtscribe.rouge1": judged.value,
        "virtscribe.n": 1.0,
    }


def test_the_whole_answer_is_the_note_and_blanks_are_none() -> None:
    item = fixture_items("aci_bench")[0]

    assert TASK.judge(item, " Sure!\nCough. ", strict=False).parsed == " Sure!\nCough. "
    assert TASK.judge(item, " \n", strict=False).parsed is None


def test_a_dialogue_ends_the_prompt_as_it_was_published() -> None:
    item = fixture_items("aci_bench")[0]

    (message,) = item.messages

    assert message.role == "user"
    assert message.content.startswith("Summarize the conversation to generate a clinical note")
    assert message.content.endswith("The conversation is:\n\n" + item.record["dialogue"])


def test_train_gives_confirm_valid_is_dev_and_the_tests_are_published() -> None:
    splits = {item.id: (item.split.value, item.published) for item in fixture_items("aci_bench")}

    assert splits == {
        "train/D2N900": ("train", False),
        "train/D2N901": ("train", False),
        "train/D2N902": ("train", False),
        "train/D2N905": ("confirm", False),
        "valid/D2N920": ("dev", False),
        "test1/D2N930": ("test", True),
        "test2/D2N940": ("test", True),
        "test3/D2N950": ("test", True),
    }


def test_the_one_note_is_the_training_note_most_like_the_others() -> None:
    items = list(fixture_items("aci_bench"))
    notes = ("cough and chills and fever", "cough and fever", "fever")
    train = [replace(items[0], record={"note": note}) for note in notes]
    one_note = TASK.baselines["one training note for every item"]

    assert one_note(train, items[:2]) == ["cough and fever"] * 2
    assert one_note([], items[:2]) == ["", ""]


def test_a_missing_column_is_named(folder: Path) -> None:
    (folder / "valid.csv").write_text("dataset,encounter_id,dialogue\naci,D2N1,hello\n")

    with pytest.raises(DataFailed, match=r"valid\.csv line 2: wanted 'note', found 'dataset', "):
        TASK.load(files_at(folder))


def test_an_empty_note_is_refused(folder: Path) -> None:
    header = "dataset,encounter_id,dialogue,note\n"
    (folder / "valid.csv").write_text(header + "aci,D2N1,hello,\n")

    with pytest.raises(DataFailed, match=r"valid\.csv line 2: wanted a note, found none"):
        TASK.load(files_at(folder))


def test_metadata_in_place_of_the_visits_is_refused(folder: Path) -> None:
    (folder / "train.csv").write_text("dataset,encounter_id,id,cc\naci,D2N1,7,cough\n")

    with pytest.raises(DataFailed, match=r"train\.csv line 2: wanted 'dialogue'"):
        TASK.load(files_at(folder))


def test_an_unknown_dataset_is_refused(folder: Path) -> None:
    header = "dataset,encounter_id,dialogue,note\n"
    (folder / "valid.csv").write_text(header + "mts,D2N1,hello,Cough.\n")

    with pytest.raises(DataFailed, match=r"line 2: wanted a dataset, .*; found 'mts'"):
        TASK.load(files_at(folder))


def test_the_published_files_have_207_visits() -> None:
    items = published_items("aci_bench")

    assert Counter((item.subtask, item.record["dataset"]) for item in items) == {
        ("train", "aci"): 35,
        ("train", "virtassist"): 20,
        ("train", "virtscribe"): 12,
        ("valid", "aci"): 11,
        ("valid", "virtassist"): 5,
        ("valid", "virtscribe"): 4,
        **{(f"test{n}", "aci"): 22 for n in (1, 2, 3)},
        **{(f"test{n}", "virtassist"): 10 for n in (1, 2, 3)},
        **{(f"test{n}", "virtscribe"): 8 for n in (1, 2, 3)},
    }
    assert Counter(item.split.value for item in items) == {
        "train": 50,
        "confirm": 17,
        "dev": 20,
        "test": 120,
    }
    assert sum(item.published for item in items) == 120


def test_the_published_notes_score_one_against_themselves() -> None:
    items = [item for item in published_items("aci_bench") if item.published]

    assert set(scores([str(item.answer) for item in items], items).values()) == {1.0}


def test_copied_dialogues_score_what_they_are_known_to() -> None:
    items = published_items("aci_bench")
    test = [item for item in items if item.split is Split.TEST]
    dev = [item for item in items if item.split is Split.DEV]
    copy = TASK.baselines["copy the dialogue"]

    on_test, on_dev = scores(copy([], test), test), scores(copy([], dev), dev)

    assert on_dev["rouge1"] == pytest.approx(0.342, abs=5e-4)
    assert on_test["test1"] == pytest.approx(0.328, abs=5e-4)
    assert on_test["test2"] == pytest.approx(0.323, abs=5e-4)
    assert on_test["test3"] == pytest.approx(0.328, abs=5e-4)


def test_one_training_note_for_everything_scores_what_it_is_known_to() -> None:
    items = published_items("aci_bench")
    test = [item for item in items if item.split is Split.TEST]
    train = [item for item in items if item.split is Split.TRAIN]

    answers = TASK.baselines["one training note for every item"](train, test)
    reached = scores(answers, test)

    assert set(answers) == {item.answer for item in train if item.id == "train/D2N009"}
    assert reached["test1"] == pytest.approx(0.395, abs=5e-4)
    assert reached["test2"] == pytest.approx(0.395, abs=5e-4)
    assert reached["test3"] == pytest.approx(0.398, abs=5e-4)


def test_published_dialogues_equal_the_library_against_their_notes() -> None:
    scorer = RougeScorer(["rouge1"], use_stemmer=False)

    for item in published_items("aci_bench"):
        dialogue, note = item.record["dialogue"], item.record["note"]
        wanted = scorer.score(note, dialogue)["rouge1"].fmeasure
        assert rouge1(dialogue, note) == pytest.approx(wanted, abs=1e-12)

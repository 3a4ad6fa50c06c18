from typing import Any

import pytest

from services.researcher.tools.contamination import contamination, shared_with
from services.researcher.tools.research import Dataset


def dataset(
    name: str = "org/films", *, about: str = "", splits: tuple[str, ...] = (), rows: Any = ()
) -> Dataset:
    return Dataset(name, "", None, about, splits=splits, samples=tuple(rows))


@pytest.mark.parametrize(
    ("one", "goal", "said"),
    [
        (dataset("openai/gsm8k"), "Get better at GSM8K", "the goal speaks of gsm8k"),
        (dataset("x/y", about="Rows of SST-2."), "Train on sst-2", "the goal speaks of sst2"),
        (dataset("x/sst-2"), "Do well on SST-2", "the goal speaks of sst2"),
        (dataset("x/MATH-500"), "Do well on MATH 500", "the goal speaks of math500"),
        (dataset("x/arc_challenge"), "the ARC Challenge", "the goal speaks of arc_challenge"),
        (dataset("x/live-code-bench"), "Live Code Bench", "the goal speaks of livecodebench"),
        (dataset("wmt/wmt19"), "Translate as WMT14 wants", "the goal speaks of wmt"),
        (dataset("x/math"), "Better at math, 500 rows", None),
        (dataset("org/films-test"), "judge films", "its name says test"),
        (dataset("org/film-benchmark"), "judge films", "its name says benchmark"),
        (dataset(splits=("test", "validation")), "films", "all it has is test and validation"),
    ],
)
def test_known_traps_make_it_likely(one: Dataset, goal: str, said: str | None) -> None:
    risk = contamination(one, goal, 0)

    assert risk.startswith("Likely: " if said else "Unknown: ")
    assert (said or "") in risk
    assert "decontaminate it before it is trained on" in risk


@pytest.mark.parametrize("name", ["org/contest", "org/latest-films", "org/develop"])
def test_a_word_that_only_holds_a_trap_is_none(name: str) -> None:
    assert contamination(dataset(name, splits=("train", "test")), "films", 0).startswith("Unknown")


def test_nothing_found_is_unknown_and_never_clean() -> None:
    seen = contamination(dataset(rows=[{"text": "a b"}]), "films", 0)
    unseen = contamination(dataset(), "films", 0)

    assert seen.startswith("Unknown: its name and splits raise no suspicion and none of 1 sample")
    assert unseen.startswith("Unknown: its name raises no suspicion and its rows could not be seen")


def test_rows_that_stand_among_the_training_rows_make_it_likely() -> None:
    long = "it was a film that nobody in the whole wide world had seen before"
    copied = dataset(
        rows=[
            {"text": f"So they said: {long.title()}!"},
            {"text": "3. März, 2021"},
            {"text": "good", "label": 1},
            {"text": "something else altogether, which is in no training row whatever"},
        ]
    )
    fresh = dataset(rows=[{"text": "nobody saw it"}])

    shared = shared_with([copied, fresh], [f"Judge this: {long}", "3. März 2021", "good"])

    assert shared == [2, 0]
    assert "2 of its 4 sample rows stand among the training rows" in contamination(copied, "", 2)


def test_seven_words_in_a_row_are_shared_by_chance() -> None:
    one = dataset(rows=[{"text": "one two three four five six seven and now another end"}])

    assert shared_with([one], ["one two three four five six seven but then something new"]) == [0]

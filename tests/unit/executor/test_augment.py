import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.executor.operators.augment import augment
from services.executor.operators.judging import Tally
from services.executor.pipeline import materialise, read_materialised
from shared.contracts.mapping import Templates as Pair
from shared.contracts.operators import Augment, HoldOut, Load, Map, Operator
from shared.contracts.run import RowCount
from shared.contracts.variation import Case, Casing, Options, Rule, Templates
from shared.rows import Sample, sha256_of

ASKS = Templates(templates=("Please: {prompt}", "{prompt} Thanks.", "So, {prompt}"))
QUIZ = "Capital of France?\nA. Rome\nB. Paris\nC. Oslo"


def varied(
    samples: list[Sample], rule: Rule, *, copies: int = 1, seed: int = 0, tally: Tally | None = None
) -> list[Sample]:
    return list(augment(samples, rule, copies=copies, seed=seed, tally=tally or Tally("augment")))


def source(folder: Path, texts: list[str]) -> list[Operator]:
    path = folder / "source.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    mapping = Pair(prompt="{text}", completion="{text}!")
    return [Load(path=str(path), sha256=sha256_of(path)), Map(mapping=mapping)]


def test_variants_stand_behind_their_sample_and_are_of_its_row() -> None:
    samples = [Sample("one", "1", score=0.5, source="f", row=7), Sample("two", "2")]

    found = varied(samples, ASKS, copies=2)

    assert [one.copy for one in found] == [False, True, True] * 2
    assert {(one.completion, one.score, one.source, one.row) for one in found[:3]} == {
        ("1", 0.5, "f", 7)
    }
    assert {one.prompt for one in found[:3]} < {
        "one",
        *(template.format(prompt="one") for template in ASKS.templates),
    }


def test_the_same_seed_makes_the_same_variants_on_every_machine() -> None:
    samples = [Sample(f"{number}", "a", row=number) for number in range(6)]

    found = varied(samples, ASKS, seed=3)[1::2]

    assert [one.prompt for one in found] == [
        "Please: 0",
        "1 Thanks.",
        "Please: 2",
        "Please: 3",
        "Please: 4",
        "5 Thanks.",
    ]
    assert found != varied(samples, ASKS, seed=4)[1::2]


def test_where_a_sample_stands_among_others_does_not_change_its_variants() -> None:
    samples = [Sample(f"{number}", "a", row=number) for number in range(6)]

    alone = varied(samples[4:5], ASKS)

    assert varied(samples, ASKS)[8:10] == alone


@pytest.mark.parametrize(
    ("case", "written"),
    [
        ("lower", "don't ask nasa. why (ever)?\nok"),
        ("upper", "DON'T ASK NASA. WHY (EVER)?\nOK"),
        ("title", "Don't Ask Nasa. Why (Ever)?\nOk"),
        ("sentence", "Don't ask nasa. Why (ever)?\nOk"),
    ],
)
def test_a_prompt_is_written_in_another_case_and_its_answer_is_not(
    case: Case, written: str
) -> None:
    (_, found) = varied([Sample("don't ask NASA. why (ever)?\nok", "No Way")], Casing(into=(case,)))

    assert (found.prompt, found.completion) == (written, "No Way")


def test_a_variant_that_says_the_same_as_another_one_is_left_out() -> None:
    tally = Tally("augment")

    found = varied([Sample("42", "a"), Sample("ok", "b")], Casing(), copies=4, tally=tally)

    assert [one.prompt for one in found if one.completion == "a"] == ["42"]
    assert Counter(one.prompt for one in found if one.completion == "b") == {
        "ok": 1,
        "OK": 1,
        "Ok": 1,
    }
    assert (tally.rows_in, tally.rows_out, tally.unchanged) == (2, 4, 1)


def test_there_are_as_many_variants_as_asked_for_or_as_there_are_orders() -> None:
    assert len(varied([Sample(QUIZ, "B")], Options(), copies=2)) == 3
    assert len(varied([Sample(QUIZ, "B")], Options(), copies=9)) == 6


def test_variants_are_not_varied_again() -> None:
    once = varied([Sample("one", "1")], ASKS)

    twice = varied(once, Casing(into=("upper",)))

    assert [(one.prompt, one.copy) for one in twice] == [
        ("one", False),
        ("ONE", True),
        (once[1].prompt, True),
    ]


@given(st.lists(st.builds(Sample, st.text(max_size=20), st.text(max_size=3))), st.integers(1, 4))
def test_every_sample_stays_and_every_variant_is_a_new_prompt(
    samples: list[Sample], copies: int
) -> None:
    for rule in (ASKS, Casing(), Options()):
        found = varied(samples, rule, copies=copies)

        assert [one for one in found if not one.copy] == samples
        places = [place for place, one in enumerate(found) if not one.copy]
        for first, end in pairwise([*places, len(found)]):
            prompts = {one.prompt for one in found[first:end]}
            assert len(prompts) == end - first <= 1 + copies


def test_copies_are_trained_on_and_neither_they_nor_their_samples_leak(tmp_path: Path) -> None:
    operators = [
        *source(tmp_path, [f"text {number:02}" for number in range(40)]),
        Augment(rule=ASKS, copies=2),
        HoldOut(share=0.2, max_samples=50),
    ]

    made = materialise(operators, tmp_path / "cache")

    assert made.held_out is not None
    train, held_out = list(read_materialised(made.train)), list(read_materialised(made.held_out))
    assert (len(train), len(held_out)) == (96, 8)
    assert not any(one.copy for one in held_out)
    assert sum(one.copy for one in train) == 64
    assert not {one.row for one in train} & {one.row for one in held_out}
    assert [(why.why, why.samples) for why in made.rows[-1].dropped] == [
        ("copy of one set aside", 16),
        ("set aside", 8),
    ]


def test_samples_without_variants_are_counted_and_left_as_they_were(tmp_path: Path) -> None:
    operators = [*source(tmp_path, ["plain", "other"]), Augment(rule=Options())]

    made = materialise(operators, tmp_path / "cache")

    assert [one.prompt for one in read_materialised(made.train)] == ["plain", "other"]
    assert made.rows[-1] == RowCount(operator="augment", rows_in=2, rows_out=2, unchanged=2)


@pytest.mark.parametrize("template", ["Please", "{prompt} {name}", "{prompt.x}", "{", "{0}"])
def test_a_template_without_the_prompt_or_with_more_is_refused(template: str) -> None:
    with pytest.raises(ValidationError, match="templates"):
        Templates(templates=(template,))

import json
from dataclasses import replace
from typing import Any

import pytest

from ftbench.report import Line, as_markdown, gain, table
from ftbench.results import Measured, Result
from shared.errors import Rejected
from tests.support.results import toy_result
from tests.support.toy import TOY

TASKS = {"toy": replace(TOY, trex=0.812, g_trex=0.5), "other": replace(TOY, name="other")}


def line_of(result: Result, **beside: Any) -> Line:
    [line] = table([result], TASKS, **beside)
    return line


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" | ")]


def sure(value: float | None) -> Measured:
    return Measured(value=value, stderr=0.0)


@pytest.mark.parametrize(
    ("score", "expected"), [(0.7, 0.5), (0.6, 0.0), (0.8, 1.0), (0.9, 1.5), (0.5, -0.5)]
)
def test_a_gain_is_the_share_of_the_way_from_base_to_reference(
    score: float, expected: float
) -> None:
    assert gain(sure(score), sure(0.6), sure(0.8)) == pytest.approx(expected)


def test_a_reference_below_the_base_turns_the_sign() -> None:
    assert gain(sure(0.7), sure(0.6), sure(0.4)) == pytest.approx(-0.5)


def test_a_gain_over_a_distance_that_may_be_nothing_is_none() -> None:
    # 1.96 * hypot(0.03, 0.04) = 0.098
    base, reference = Measured(value=0.5, stderr=0.03), Measured(value=0.597, stderr=0.04)

    assert gain(sure(0.55), base, reference) is None
    assert gain(sure(0.55), reference, base) is None
    assert gain(sure(0.55), base, reference.model_copy(update={"value": 0.599})) is not None


def test_a_base_as_good_as_the_reference_gives_no_gain() -> None:
    assert gain(sure(0.7), sure(0.6), sure(0.6)) is None


def test_a_missing_error_is_taken_for_none() -> None:
    unknown = Measured(value=0.6, stderr=None)

    assert gain(sure(0.7), unknown, Measured(value=0.8, stderr=None)) == pytest.approx(0.5)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_gain_needs_all_three(which: int) -> None:
    score, base, reference = (
        sure(None if i == which else value) for i, value in enumerate((0.7, 0.6, 0.8))
    )

    assert gain(score, base, reference) is None
    assert gain(sure(0.7), None, sure(0.8)) is None
    assert gain(sure(0.7), sure(0.6), None) is None


def test_a_line_has_all_that_a_score_is_read_against() -> None:
    base, reference = toy_result(0.6, 0.01), toy_result(0.9, 0.01)

    line = line_of(
        toy_result(flags=("broken",), notes=("made up",)), base=[base], reference=[reference]
    )

    assert line.gain == pytest.approx(0.5)
    assert line.model_copy(update={"gain": None}) == Line(
        task="toy",
        model="m-1",
        split="test",
        strict=False,
        metric="accuracy",
        score=Measured(value=0.75, stderr=0.02),
        n=40,
        baseline=0.6,
        baseline_name="always yes",
        base=base.headline,
        reference=reference.headline,
        gain=None,
        trex=0.812,
        trex_gain=0.5,
        flags=("broken",),
        notes=("made up",),
    )


def test_lines_come_in_the_order_of_the_results() -> None:
    results = [toy_result(0.1), toy_result(0.3, task="other"), toy_result(0.2)]

    lines = table(results, TASKS, base=[toy_result(0.6)])

    assert [line.score.value for line in lines] == [0.1, 0.3, 0.2]
    assert [line.base is None for line in lines] == [False, True, False]


@pytest.mark.parametrize("role", ["base", "reference"])
@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"data_sha256": "e" * 64, "split": "dev", "n": 9}, "dev (9 items) for test (40 items)"),
        ({"strict": True}, "test (40 items, strict) for test (40 items)"),
    ],
)
def test_what_was_scored_otherwise_is_not_compared(
    role: str, other: dict[str, Any], found: str
) -> None:
    with pytest.raises(Rejected) as refused:
        line_of(toy_result(), **{role: [toy_result(**other)]})

    assert str(refused.value) == (
        f"toy: wanted a {role} result on the same items and rules, found {found}; score both alike"
    )


def test_strict_is_named_on_the_side_that_was() -> None:
    with pytest.raises(Rejected, match=r"found test \(40 items\) for test \(40 items, strict\);"):
        line_of(toy_result(strict=True), base=[toy_result()])


def test_the_best_baseline_is_shown_and_unknown_ones_are_not() -> None:
    line = line_of(toy_result(baselines={"copy": None, "worst": -0.2, "bad": -0.1}))

    assert (line.baseline_name, line.baseline) == ("bad", -0.1)
    assert line_of(toy_result(baselines={"copy": None})).baseline_name is None


def test_the_table_is_markdown() -> None:
    lines = table(
        [toy_result(), toy_result(None, None, task="other", model=None, baselines={})],
        TASKS,
        base=[toy_result(0.6, None)],
        reference=[toy_result(0.9, 0.01)],
    )

    head, rule, first, second, blank, legend, *_ = as_markdown(lines).split("\n")

    assert cells(head) == [
        "task", "model", "metric", "n", "score", "no skill", "base", "reference", "G_T", "TREX"
    ]  # fmt: skip
    assert cells(rule) == ["---"] * 10
    assert cells(first) == [
        "toy (test)", "m-1", "accuracy", "40", "75.00 ± 2.00", "60.00", "60.00", "90.00 ± 1.00",
        "+50%", "81.2 (+50%)",
    ]  # fmt: skip
    assert cells(second) == ["other (test)", "—", "accuracy", "40", *["—"] * 6]
    assert blank == ""
    assert legend.startswith("Numbers times 100, ± one standard error. *No skill* is")


def test_a_strict_score_is_marked() -> None:
    assert "| toy (test, strict) |" in as_markdown([line_of(toy_result(strict=True))])


def test_remarks_name_the_best_baseline_the_flags_and_the_notes() -> None:
    lines = table(
        [
            toy_result(flags=("broken",), notes=("made up",)),
            toy_result(task="other", model=None, baselines={}, notes=("cut",)),
        ],
        TASKS,
    )

    assert as_markdown(lines).split("\n")[6:] == [
        "",
        "- toy, m-1: no skill is “always yes”",
        "- toy, m-1: broken",
        "- toy, m-1: made up",
        "- other, no name: cut",
        "",
    ]


def test_nothing_to_remark_is_nothing() -> None:
    assert as_markdown([line_of(toy_result(baselines={}))]).endswith("is not known.\n")


def test_a_base_and_a_reference_that_cannot_be_told_apart_are_remarked_on() -> None:
    told = "- toy, m-1: base and reference cannot be told apart, so there is no G_T"
    near = line_of(toy_result(), base=[toy_result(0.7)], reference=[toy_result(0.7)])
    far = line_of(toy_result(), base=[toy_result(0.2)], reference=[toy_result(0.9)])

    assert told in as_markdown([near])
    assert told not in as_markdown([far])
    assert told not in as_markdown([line_of(toy_result(), base=[toy_result(0.7)])])


def test_a_pipe_in_a_name_does_not_break_the_table() -> None:
    row = as_markdown([line_of(toy_result(model="a|b"))]).split("\n")[2]

    assert "| a\\|b |" in row


def test_a_line_survives_json() -> None:
    line = line_of(toy_result(), base=[toy_result(0.6)])

    assert Line.model_validate(json.loads(line.model_dump_json())) == line


def test_each_result_finds_the_base_on_its_own_items() -> None:
    dev, test = toy_result(data_sha256="1" * 64), toy_result(data_sha256="2" * 64)
    bases = [toy_result(0.25, data_sha256="1" * 64), toy_result(0.5, data_sha256="2" * 64)]

    lines = table([dev, test], {"toy": TOY}, base=bases)

    assert [line.base and line.base.value for line in lines] == [0.25, 0.5]

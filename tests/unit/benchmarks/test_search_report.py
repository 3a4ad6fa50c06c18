"""Verdicts, tables and drawings, from a few rows."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.search import plots, report
from benchmarks.search.comparison import Comparison, Verdict, by_method, compare
from benchmarks.search.rows import CURVE, Row, write_rows
from benchmarks.search.statistics import Difference
from benchmarks.svg import COLOURS
from shared.errors import Rejected

MANY, FEW = range(6), range(2)
"""Tasks: where cells are looked at one by one, and where tasks are."""


def row(
    method: str,
    task: int,
    regret: float,
    *,
    workers: int = 4,
    sigma: float = 0.1,
    budget: int = 20,
    variant: str = "plain",
    before: float = 1.0,
) -> Row:
    """Make a row of a run with one regret up to the last tenth of its budget, and one after it."""
    return {
        "method": method,
        "task": str(task),
        "cell": f"W{workers} s{sigma:g} B{budget}",
        "sigma": sigma,
        "budget": float(budget),
        "workers": float(workers),
        "variant": variant,
        "seed": 0.0,
        **dict.fromkeys(CURVE[:-1], before),
        CURVE[-1]: regret,
        "regret_recipe": regret,
        "regret_checkpoint": 1 - regret,
        "reported": 0.75,
        "truth": 0.5,
        "spent": float(budget),
        "makespan": 12.0,
        "idle": 0.25,
        "planner_ms": 1.5,
        "acts": 30.0,
    }


def verdict(rows: list[Row]) -> Verdict:
    return compare(by_method(rows), ours="ours", peers=["other"], deliver="recipe")["other"].verdict


def table(text: str, number: int = 0) -> dict[str, dict[str, str]]:
    """Read a table of a report: the cells by heading, for each method."""
    lines = text.split("\n\n")[2 * number].splitlines()
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {cells[0]: dict(zip(head, cells, strict=True)) for cells in body}


def test_a_method_identical_to_another_is_not_distinguishable() -> None:
    rows = [row(name, task, 0.1 * task) for name in ("ours", "other") for task in MANY]

    assert verdict(rows) == "not distinguishable"


@pytest.mark.parametrize(("regret", "expected"), [(0.2, "better"), (0.4, "worse")])
def test_a_difference_on_every_task_has_a_verdict(regret: float, expected: Verdict) -> None:
    rows = [row("ours", task, regret) for task in MANY] + [row("other", t, 0.3) for t in MANY]

    assert verdict(rows) == expected


@pytest.mark.parametrize(("loss", "expected"), [(0.02, "better"), (0.04, "not distinguishable")])
def test_of_many_tasks_no_cell_may_be_much_worse(loss: float, expected: Verdict) -> None:
    rows = [
        row(name, task, regret, budget=budget)
        for task in MANY
        for budget, mine in ((20, 0.1), (50, 0.1), (100, 0.5 + loss))
        for name, regret in (("ours", mine), ("other", 0.5))
    ]

    assert verdict(rows) == expected


def test_of_many_tasks_one_may_be_much_worse() -> None:
    rows = [
        row(name, task, regret)
        for task in range(40)
        for name, regret in (("ours", 0.1 if task else 0.9), ("other", 0.5))
    ]

    assert verdict(rows) == "better"


@pytest.mark.parametrize(("loss", "expected"), [(0.02, "better"), (0.04, "not distinguishable")])
def test_of_a_single_task_no_variant_may_be_much_worse(loss: float, expected: Verdict) -> None:
    rows = [
        row(name, 0, regret, variant=variant, budget=budget)
        for budget in range(20)
        for variant, mine in (("guesses", 0.1), ("by the book", 0.5 + loss))
        for name, regret in (("ours", mine), ("other", 0.5))
    ]

    assert verdict(rows) == expected


def test_being_a_little_worse_everywhere_is_worse() -> None:
    rows = [row("ours", task, 0.32) for task in MANY] + [row("other", t, 0.3) for t in MANY]

    assert verdict(rows) == "worse"


def test_of_few_tasks_a_cell_may_be_much_worse() -> None:
    rows = [
        row(name, task, regret, budget=budget)
        for task in FEW
        for budget in range(20)
        for name, regret in (("ours", 0.1 if budget else 0.9), ("other", 0.5))
    ]

    assert verdict(rows) == "better"


def test_the_correction_can_take_a_verdict_away() -> None:
    found = Difference(-0.1, -0.2, -0.01, p=0.04)

    assert Comparison(found, holm=None, worst=0, where="").verdict == "better"
    assert Comparison(found, holm=0.08, worst=0, where="").verdict == "not distinguishable"


def test_only_the_family_is_corrected_and_counted() -> None:
    games = by_method(
        [
            row(name, task, r)
            for task in MANY
            for name, r in zip("abcd", (0.1, 0.2, 0.3, 0.4), strict=True)
        ]
    )

    found = compare(games, ours="a", peers=["b", "c", "absent"], deliver="recipe")

    assert found["d"].holm is None
    assert found["b"].holm == pytest.approx(2 * found["b"].difference.p)


def test_the_deliverable_that_is_asked_for_is_compared() -> None:
    rows = [row("ours", task, 0.2) for task in MANY] + [row("other", t, 0.3) for t in MANY]

    found = compare(by_method(rows), ours="ours", peers=[], deliver="checkpoint")

    assert found["other"].difference.mean == pytest.approx(0.1)


def test_methods_that_played_different_games_are_not_averaged() -> None:
    rows = [row("ours", 1, 0.2), row("ours", 2, 0.2), row("other", 1, 0.3)]

    with pytest.raises(Rejected, match=r"'other' lacks 1 of 2"):
        by_method(rows)


def test_a_game_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Rejected, match=r"'ours' has 2 for 1 games"):
        by_method([row("ours", 1, 0.2), row("ours", 1, 0.2)])


def test_a_method_that_did_not_play_cannot_be_ours() -> None:
    with pytest.raises(Rejected, match=r"wanted rows of 'x', found those of ours"):
        report.report([row("ours", 1, 0.2)], ours="x", peers=[])


def test_a_report_says_what_a_small_file_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        row(name, task, regret + (0.1 if budget == 50 else 0), budget=budget)
        for task in MANY
        for budget in (20, 50)
        for name, regret in (("ours", 0.2), ("other", 0.95))
    ]
    write_rows(rows, tmp_path / "rows.csv.gz")
    asked = ["report", str(tmp_path / "rows.csv.gz"), "--ours", "ours", "--peers", "other"]
    monkeypatch.setattr("sys.argv", asked)

    report.main()

    said = capsys.readouterr().out
    regrets, rest = table(said), table(said, 1)
    assert list(regrets) == ["ours", "other"]  # the best first
    assert regrets["ours"] | {"regret": "0.250", "B20": "0.200", "B50": "0.300"} == regrets["ours"]
    assert regrets["other"]["ours minus it [95 %]"] == "-0.750 [-0.750, -0.750]"
    assert (regrets["other"]["Holm p"], regrets["other"]["verdict"]) == ("0.0002", "better")
    assert regrets["ours"].keys().isdisjoint({"W4", "s=0.1", "plain"})  # there is only one of each
    assert (
        rest["other"]
        | {
            "mean rank": "2.0",
            "regret: recipe": "1.000",
            "checkpoint": "0.000",
            "reported - true": "+0.250",
            "worse than default": "50.0%",  # with a budget of 50
            "makespan": "12.0",
            "idle": "25%",
            "ms an act": "1.50",
        }
        == rest["other"]
    )


def test_a_wrong_request_is_an_error_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows([row("other", 1, 0.2)], tmp_path / "rows.csv.gz")
    monkeypatch.setattr("sys.argv", ["report", str(tmp_path / "rows.csv.gz")])

    with pytest.raises(SystemExit) as left:
        report.main()

    assert left.value.code == 2
    assert "name one that played" in capsys.readouterr().err


def test_numbers_of_workers_are_shown_where_all_of_them_played() -> None:
    played = ((1, 0.1, 0.2), (16, 0.1, 0.4), (4, 0.1, 0.3), (4, 0.03, 0.9))
    rows = [row("ours", task, r, workers=w, sigma=s) for task in MANY for w, s, r in played]

    shown = table(report.report(rows, ours="ours", peers=[]))["ours"]

    assert (shown["W1"], shown["W4"], shown["W16"]) == ("0.200", "0.300", "0.400")
    assert shown["s=0.03"] == "0.900"


def test_variants_have_columns_of_their_own() -> None:
    rows = [
        row("ours", 0, regret, variant=variant)
        for variant, regret in (("guesses", 0.4), ("by the book", 0.2))
    ]

    shown = table(report.report(rows, ours="ours", peers=[]))["ours"]

    assert (shown["guesses"], shown["by the book"]) == ("0.400", "0.200")


def test_a_place_that_forbids_better_is_named() -> None:
    rows = [
        row(name, task, regret, budget=budget)
        for task in MANY
        for budget, mine in ((20, 0.1), (50, 0.1), (100, 0.6))
        for name, regret in (("ours", mine), ("other", 0.5))
    ]

    shown = table(report.report(rows, ours="ours", peers=[]))["other"]["verdict"]

    assert shown == "not distinguishable (worse by 0.100 in W4 s0.1 B100, plain)"


def test_no_place_is_named_where_the_correction_alone_forbids_better() -> None:
    others = [f"other {n}" for n in range(5)]
    rows = [row("ours", task, 0.6 if task < 2 else 0.4) for task in range(12)]
    rows += [row(name, task, 0.5) for name in others for task in range(12)]

    alone = table(report.report(rows, ours="ours", peers=[]))["other 0"]
    among = table(report.report(rows, ours="ours", peers=others))["other 0"]

    assert (alone["verdict"], among["verdict"]) == ("better", "not distinguishable")


def test_methods_are_ranked_over_tasks_and_on_a_single_task_over_its_games() -> None:
    # Ours is far ahead with one budget and a little behind with the other.
    played = (("ours", 20, 0.1), ("other", 20, 0.5), ("ours", 50, 0.6), ("other", 50, 0.5))

    def mean_rank(tasks: range) -> str:
        rows = [row(name, task, regret, budget=b) for task in tasks for name, b, regret in played]
        return table(report.report(rows, ours="ours", peers=[]), 1)["ours"]["mean rank"]

    assert (mean_rank(range(2)), mean_rank(range(1))) == ("1.0", "1.5")


def test_the_budget_to_reach_a_method_is_a_median_over_cells() -> None:
    cells = ((20, 0.1), (50, 0.1), (100, 0.9))  # the last is never as good as .5
    rows = [
        row(name, task, regret, budget=budget, before=before)
        for task in MANY
        for budget, mine in cells
        for name, regret, before in (("ours", mine, mine), ("other", 0.5, 1.0))
    ]

    rest = table(report.report(rows, ours="ours", peers=[]), 1)

    assert rest["other"]["budget to reach it"] == "10% (never in 1 of 3)"
    assert rest["ours"]["budget to reach it"] == ""


def test_the_budget_to_reach_a_method_is_given_for_each_noise() -> None:
    rows = [
        row(name, task, regret, sigma=sigma, before=before)
        for task in MANY
        for sigma, mine in ((0.1, 0.1), (0.25, 0.9))
        for name, regret, before in (("ours", mine, mine), ("other", 0.5, 1.0))
    ]

    other = table(report.report(rows, ours="ours", peers=[]), 1)["other"]

    assert other["at s=0.1"] == "10%"
    assert other["at s=0.25"] == "> 100% (never in 1 of 1)"


def texts(drawing: str) -> list[str]:
    return [
        found.text or ""
        for found in ElementTree.fromstring(drawing).iter()
        if found.tag.endswith("text")
    ]


def test_curves_name_ours_the_best_peers_and_random_drafts() -> None:
    peers = {f"peer {n} <&>": n / 20 for n in range(10)} | {"random drafts": 0.9}
    everyone = peers | {"ours": 0.5, "ablation": 0.0}
    rows = [row(name, task, regret) for name, regret in everyone.items() for task in MANY]

    said = texts(plots.curves(by_method(rows), "ours", list(peers)))

    assert {"ours 0.500", "random drafts 0.900", "peer 0 <&> 0.000", "peer 3 <&> 0.150"} <= {*said}
    assert not [words for words in said if words.startswith(("peer 4", "ablation"))]
    assert any(words.endswith("thin: 7 others") for words in said)


def test_names_of_curves_that_end_together_do_not_overlap() -> None:
    names = ["ours", "a", "b", "c", "random drafts"]
    rows = [row(name, task, 0.3) for name in names for task in MANY]

    drawn = ElementTree.fromstring(plots.curves(by_method(rows), "ours", names))

    heights = sorted(
        float(found.get("y", "")) for found in drawn.iter() if (found.text or "").endswith(" 0.300")
    )
    assert len(heights) == len(names)
    assert min(b - a for a, b in pairwise(heights)) >= 13


def test_a_forest_has_a_mark_for_every_method_empty_without_a_verdict() -> None:
    rows = [
        row(name, task, regret)
        for name, regret in (("ours", 0.3), ("same", 0.3), ("bad", 0.5), ("good", 0.1))
        for task in MANY
    ]
    compared = compare(by_method(rows), ours="ours", peers=[], deliver="recipe")

    drawn = plots.forest(compared, "ours", "recipe")

    marks = [
        found for found in ElementTree.fromstring(drawn).iter() if found.tag.endswith("circle")
    ]
    assert [mark.get("fill") for mark in marks] == [COLOURS[0], "none", COLOURS[1]]
    places = [float(mark.get("cx", "")) for mark in marks]
    assert places == sorted(places)
    assert "-0.200 [-0.200, -0.200] better" in texts(drawn)
    assert "+0.000 [+0.000, +0.000] not distinguishable" in texts(drawn)


def test_both_drawings_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(name, task, 0.3) for name in ("ours", "other") for task in FEW]
    write_rows(rows, tmp_path / "rows.csv.gz")
    asked = [str(tmp_path / "rows.csv.gz"), "--ours", "ours", "--peers", "other"]
    monkeypatch.setattr("sys.argv", ["plots", *asked, "--out", str(tmp_path / "drawn")])

    plots.main()

    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "differences.svg",
        "regret.svg",
    ]


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117"])
def test_every_colour_stands_out_from_light_and_dark_pages(page: str) -> None:
    def light(colour: str) -> float:
        """Return the relative luminance of WCAG 2.2."""
        parts = [int(part, 16) / 255 for part in re.findall("[0-9a-f]{2}", colour)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for colour in COLOURS:
        darker, lighter = sorted((light(colour), light(page)))
        assert (lighter + 0.05) / (darker + 0.05) >= 3  # what WCAG 2.2, 1.4.11 asks of graphics

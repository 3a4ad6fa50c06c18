from rich.console import Console, RenderableType

from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.job import Budget
from shared.contracts.views import BaselineView, Comparison, GuardView, Spent, TreeView
from shared.rows import Sample
from tests.unit.trex.canned_system import NODES, job, node, report, score
from trex.experiment_page import experiment_page
from trex.view import job_table, job_tree, report_summary, sample_table, shown_nodes
from trex.words import clean, duration_words


def drawn(renderable: RenderableType, width: int = 100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_header_tells_how_good_and_how_dear() -> None:
    text = drawn(job_tree(TreeView(job=job("searching"), nodes=NODES)))

    assert "searching · the budget is used" in text
    assert "best 0.912 ± 0.020 (#1)   base 0.204 ± 0.020   +0.708" in text
    assert (
        "3 of 4 full runs, 3 experiments · 1:01 min of 10:00 min of training · 1:01 h in all"
        in text
    )


def test_the_header_tells_what_the_language_model_read_wrote_and_cost() -> None:
    asked = Spent(
        experiments=3,
        runs=3.0,
        gpu_seconds=61.0,
        wall_clock_s=3661.0,
        llm_calls=9,
        llm_tokens=12_345,
        money=0.25,
    )
    capped = Budget(experiments=4, llm_tokens=100_000, money=2.0)

    plain = drawn(job_tree(TreeView(job=job(spent=asked), nodes=NODES)), 200)
    limited = drawn(job_tree(TreeView(job=job(spent=asked, budget=capped), nodes=NODES)), 200)

    assert "in all · language model 12,345 tokens, money 0.25" in plain
    assert "in all · language model 12,345 of 100,000 tokens, money 0.25 of 2" in limited
    assert "language model" not in drawn(job_tree(TreeView(job=job(), nodes=NODES)), 200)


BETTER = Comparison(
    split="dev",
    base=score(0.31),
    best=score(0.912),
    difference=0.602,
    stderr=0.03,
    probability=1.0,
)
FEW_SHOT = BaselineView(
    name="few-shot",
    what="the base model shown 4 training rows",
    score=score(0.31),
    failed=None,
    comparison=BETTER,
)
REFERENCE = BaselineView(
    name="reference",
    what="instruct",
    score=None,
    failed="ScoringFailed: no such model",
    comparison=None,
)


def test_the_header_tells_what_else_the_best_is_compared_with() -> None:
    compared = job("searching", baselines=(FEW_SHOT, REFERENCE))

    text = drawn(job_tree(TreeView(job=compared, nodes=NODES)))

    assert "few-shot 0.310 ± 0.020 (+0.602)   reference failed\n" in text
    assert "few-shot" not in drawn(job_tree(TreeView(job=job("searching"), nodes=NODES)))


def test_the_last_words_compare_with_baselines_and_name_what_got_worse() -> None:
    json = GuardView(name="json", comparison=None, margin=0.1, verdict="worse", failed=None)
    copying = json.model_copy(update={"name": "copying", "verdict": "no worse"})
    guards = (json, copying, json.model_copy(update={"name": "sorting"}))
    found = report(job(baselines=(FEW_SHOT, REFERENCE))).model_copy(update={"guards": guards})

    lines = report_summary(found, prompt="x")

    assert lines[1].startswith("best 0.912 ± 0.020, few-shot 0.310 ± 0.020, +0.602 (95 % interval")
    assert lines[2] == "reference was not scored: ScoringFailed: no such model"
    assert lines[3] == "side tasks: no worse at copying; worse at json, sorting"


def test_a_job_of_short_runs_counts_its_budget_in_full_ones() -> None:
    short = job("searching")
    short = short.model_copy(update={"spent": short.spent.model_copy(update={"runs": 2.25})})

    text = drawn(job_tree(TreeView(job=short, nodes=NODES)))

    assert "2.2 of 4 full runs, 3 experiments · " in text
    assert "2.2/4" in drawn(job_table([short]))


def test_each_node_says_what_a_person_wants_to_know() -> None:
    lines = drawn(job_tree(TreeView(job=job(), nodes=NODES))).splitlines()

    assert "› base model 0.204 ± 0.020" in lines
    assert "├── ★ #1 0.912 ± 0.020  learning_rate 0.0002 → 0.001" in lines
    assert "└── #2 failed: Diverged: the loss became NaN" in lines
    running = next(line for line in lines if "#3" in line)
    assert "training 120/640, loss 0.532, 1,240 tokens/s, 2:10 min left" in running


def test_a_node_says_how_long_it_was_trained_unless_that_was_in_full_at_once() -> None:
    nodes = (
        node(0, None),
        node(1, 0, state="short", score=score(0.3), fidelity=1 / 9),
        node(2, 0, score=score(0.6), fidelity=1.0, went_on=(1 / 9, 1 / 3)),
        node(3, 0, score=score(0.5), fidelity=1.0),
    )

    text = drawn(job_tree(TreeView(job=job(), nodes=nodes)))

    assert "#1 0.300 ± 0.020 after 11% of a run\n" in text
    assert "#2 0.600 ± 0.020 after 11% → 33% → 100% of a run\n" in text
    assert "#3 0.500 ± 0.020\n" in text


def test_a_failure_is_red() -> None:
    console = Console(force_terminal=True, color_system="standard", width=100)
    with console.capture() as capture:
        console.print(job_tree(TreeView(job=job(), nodes=NODES)))

    assert "\x1b[31m failed: Diverged" in capture.get()


def test_a_tree_of_eighty_columns_stays_within_them() -> None:
    long = node(4, 3, state="failed", sentence="the loss became NaN at step 12 " * 10)

    text = drawn(job_tree(TreeView(job=job(), nodes=(*NODES, long))), width=80)

    assert max(map(len, text.splitlines())) <= 80


def test_a_job_without_any_node_is_drawn() -> None:
    view = TreeView(job=job("searching", base=None, best=None, best_experiment=None), nodes=())

    text = drawn(job_tree(view))

    assert "nothing above the base model yet   base –" in text
    assert "no experiment yet" in text


def test_an_experiment_is_shown_with_the_idea_behind_it_and_what_it_cost() -> None:
    best = report(job()).best
    assert best is not None

    lines = drawn(experiment_page(best), 120).splitlines()

    assert [" ".join(line.split()) for line in lines[1:10]] == [
        "proposed by a language model, a matter of hyperparameters",
        "hypothesis the loss fell too slowly",
        "expected gain +0.030, between -0.010 and +0.080",
        "wrong if the loss falls no faster",
        "full run 2:10 min by forecast",
        "lesson learning_rate 0.001 → 0.004 gained 0.400 ± 0.020; the loss still falls",
        "cause it was too low (80% sure)",
        "proposal qwen3: 2 calls, 12,400 tokens, money 0.0031",
        "dropped #2 did that and lost 0.080",
    ]


def test_a_large_tree_keeps_the_best_and_the_running_and_counts_the_rest() -> None:
    others = tuple(node(number, 0, score=score(0.3)) for number in range(4, 104))
    view = TreeView(job=job("searching"), nodes=(*NODES, *others))

    shown = shown_nodes(view, 10)
    text = drawn(job_tree(view, room=10))

    assert len(shown) == 10
    assert {ROOT, ExperimentId(1), ExperimentId(3), ExperimentId(103)} <= shown
    assert "+94 more" in text


def test_hidden_branches_are_counted_where_the_eye_finds_them() -> None:
    chain = tuple(node(number, number - 1) for number in range(4, 9))
    view = TreeView(job=job("searching"), nodes=(*NODES, *chain, node(9, 0)))

    text = drawn(job_tree(view, room=5))

    assert "#9" in text
    assert "+5 more" in text


def test_foreign_text_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[31mb\nc") == "a [31mb c"
    bad = node(0, None, state="failed", sentence="\x1b]0;title\x07[red]x[/red]")

    text = drawn(job_tree(TreeView(job=job(best=None, best_experiment=None), nodes=(bad,))))

    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_long_rows_are_cut_to_be_shown() -> None:
    text = drawn(sample_table([Sample("x" * 1000, "y")]))

    assert text.count("x") == 297


def test_jobs_are_listed_with_the_newest_last() -> None:
    text = drawn(job_table([job(job_id="new", submitted_at=2.0), job(job_id="old")][::-1]))

    assert text.index("new") < text.index("old")
    assert "3/4" in text


def test_the_last_words_say_how_good_where_and_how_to_try() -> None:
    lines = report_summary(report(job()), prompt="3. März 2021")

    assert lines == [
        "best 0.912 ± 0.020, base 0.204 ± 0.020, +0.708 (95 % interval +0.649 to +0.767): "
        "exact_match on 100 rows of dev",
        "checkpoint: /c/run-1",
        'try it: trex generate /c/run-1 "3. März 2021"',
    ]


def test_the_last_words_say_when_nothing_was_better() -> None:
    found = report(job()).model_copy(update={"best": None, "checkpoint": None, "dev": None})

    lines = report_summary(found, prompt="x")

    assert lines == ["nothing beat the base model (0.204 ± 0.020): the budget is used"]


def test_durations_read_as_people_say_them() -> None:
    assert [duration_words(s) for s in (0, 59.4, 59.6, 3599, 7500)] == [
        "0 s",
        "59 s",
        "1:00 min",
        "59:59 min",
        "2:05 h",
    ]

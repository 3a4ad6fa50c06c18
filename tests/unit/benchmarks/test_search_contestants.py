"""Every contestant plays fair, and plays the rule that it is named after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from random import Random
from statistics import fmean

import pytest

from benchmarks.search.arena import Outcome, play
from benchmarks.search.contestants import ABLATIONS, CONTESTANTS, OURS, PEERS
from benchmarks.search.contestants.bandits import ab_mcts, clade_thompson, ml_master_rewards
from benchmarks.search.contestants.grown import ROOT, Grown, Node
from benchmarks.search.landscape import landscape, random_configuration
from benchmarks.search.simulate import Cell, Game, play_game
from benchmarks.search.variants import VARIANTS, Noise
from benchmarks.search.world import (
    Configuration,
    Contestant,
    Deliverable,
    Delivered,
    Dimension,
    Measured,
    Split,
    Trial,
    World,
)

BUDGET, WORKERS = 8.0, 3
NINTH, THIRD, FULL = range(3)

CHECKING = {name for name in CONTESTANTS if name.endswith("+ check")} | {OURS, "PITS"}
ONE_CHAIN = {"sequential"}
FEW_PLACES = {name for name in CONTESTANTS if name.startswith(("UCT", "rank-PUCT", "greedy"))}
"""Whose rule may find every place to grow taken, until a result comes."""
OPTUNA = {"TPE", "TPE + Hyperband"}
SHORT_RUNS = {name for name in CONTESTANTS if "fidelity" in name or "ASHA" in name} | {
    "Hyperband",
    "TPE + Hyperband",
}
CHEAP = sorted({*PEERS} - OPTUNA - CHECKING - {"UCT mean c=.1", "UCT mean c=1.41"})

every_contestant = pytest.mark.parametrize("name", CONTESTANTS)
every_world = pytest.mark.parametrize("place", ["landscape", "grid"])


class Grid:
    """72 configurations, the sum of whose levels is their worth; a few crash."""

    rungs: Sequence[float] = (1 / 9, 1 / 3, 1.0)
    dimensions: Sequence[Dimension] = (
        Dimension("a", 3, ordered=True),
        Dimension("b", 3, ordered=True),
        Dimension("c", 4),
        Dimension("d", 2),
    )

    def draft(self, rng: Random) -> Configuration:
        return tuple(rng.randrange(one.levels or 1) for one in self.dimensions)

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        at = rng.randrange(len(parent))
        level = rng.randrange(self.dimensions[at].levels or 1)
        return (*parent[:at], level, *parent[at + 1 :])

    def cost(self, configuration: Configuration) -> float:
        return 0.5 + configuration[0] / 2

    def crashes(self, configuration: Configuration) -> bool:
        return configuration[1:] == (0, 0, 0)

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        noise = Random(f"{configuration} {rung} {seed} {split}").gauss(0, 0.1)
        return Measured(self.truth(configuration) - 0.1 * (FULL - rung) + noise, 0.01)

    def truth(self, configuration: Configuration) -> float:
        return sum(configuration) / 8

    def checkpoint_truth(self, configuration: Configuration, rung: int, seed: int) -> float:
        return self.truth(configuration)

    def regret(self, truth: float) -> float:
        return 1 - truth


def world(place: str) -> World:
    if place == "grid":
        return Grid()
    return VARIANTS["plain"](landscape(1000), Noise(0.1))


class Blind:
    """A world as far as a contestant may look at it."""

    def __init__(self, place: World) -> None:
        self.rungs: Sequence[float] = place.rungs
        self.dimensions: Sequence[Dimension] = place.dimensions
        self._place = place

    def draft(self, rng: Random) -> Configuration:
        return self._place.draft(rng)

    def mutate(self, parent: Configuration, rng: Random) -> Configuration:
        return self._place.mutate(parent, rng)

    def cost(self, configuration: Configuration) -> float:
        return self._place.cost(configuration)

    def crashes(self, configuration: Configuration) -> bool:
        raise AssertionError("wanted to know what crashes")

    def measure(self, configuration: Configuration, rung: int, seed: int, split: Split) -> Measured:
        raise AssertionError("wanted a score for nothing")

    def truth(self, configuration: Configuration) -> float:
        raise AssertionError("wanted to know the truth")

    def checkpoint_truth(self, configuration: Configuration, rung: int, seed: int) -> float:
        raise AssertionError("wanted to know the truth")

    def regret(self, truth: float) -> float:
        raise AssertionError("wanted to know the regret")


@dataclass
class Watched:
    """A contestant with everything it asked for and was told."""

    contestant: Contestant
    budget: float
    started: list[Trial] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    """When each was started."""
    waits: int = 0
    """Times a worker got nothing although something was in flight."""
    told: list[tuple[Trial, Measured | None]] = field(default_factory=list)

    def ask(self, spent: float, in_flight: int) -> Trial | None:
        trial = self.contestant.ask(spent, in_flight)
        if trial is None:
            self.waits += in_flight > 0
        else:
            self.started.append(trial)
            self.spent.append(spent)
        return trial

    def tell(self, trial: Trial, measured: Measured | None) -> None:
        self.told.append((trial, measured))
        self.contestant.tell(trial, measured)

    def deliver(self, what: Deliverable) -> Delivered | None:
        return self.contestant.deliver(what)

    def highest(self) -> float:
        """Return the highest score of the longest runs."""
        scores = [(trial.rung, m.value) for trial, m in self.told if m and trial.split == "search"]
        return max(scores)[1]


def game(
    name: str, place: World, *, seed: int = 0, budget: float = BUDGET, workers: int = WORKERS
) -> tuple[Watched, Outcome]:
    watched = Watched(CONTESTANTS[name](place, budget, Random(seed)), budget)
    return watched, play(place, watched, budget=budget, workers=workers)


def untimed(outcome: Outcome) -> Outcome:
    return replace(outcome, planner_ms=0.0)


def alone(name: str, scores: Callable[[int, Trial], float | None], steps: int) -> list[Trial]:
    """Let a contestant take so many steps with one worker; scores by number of the step."""
    contestant = CONTESTANTS[name](Grid(), 1000.0, Random(1))
    asked = []
    for step in range(steps):
        trial = contestant.ask(0.0, 0)
        assert trial is not None
        asked.append(trial)
        score = scores(step, trial)
        contestant.tell(trial, None if score is None else Measured(score, 0.01))
    return asked


def tree(*clades: Sequence[float | None], spent: float = 0.5) -> Grown:
    """Grow a chain below the root for each sequence of scores; None failed."""
    nodes = [Node(-1, None)]
    for clade in clades:
        parent = ROOT
        for score in clade:
            nodes.append(Node(parent, (float(len(nodes)),), score, failed=score is None))
            nodes[parent].children.append(len(nodes) - 1)
            parent = len(nodes) - 1
    return Grown(nodes, spent)


@every_world
@every_contestant
def test_everybody_spends_the_budget_and_at_most_one_run_more(name: str, place: str) -> None:
    watched, outcome = game(name, world(place))

    assert outcome.spent >= BUDGET
    assert watched.spent[-1] < BUDGET
    assert len(watched.told) == len(watched.started) == outcome.acts


@pytest.mark.parametrize("name", ABLATIONS)
def test_ours_does_not_stop_early_however_little_is_to_be_gained(name: str) -> None:
    _, outcome = game(name, world("landscape"), budget=40)

    assert outcome.spent >= 40


@every_world
@every_contestant
def test_the_same_game_ends_the_same(name: str, place: str) -> None:
    first, one = game(name, world(place))
    again, two = game(name, world(place))

    assert first.started == again.started
    assert untimed(one) == untimed(two)


@every_contestant
def test_another_seed_is_another_game(name: str) -> None:
    one, _ = game(name, world("landscape"), seed=0)
    two, _ = game(name, world("landscape"), seed=1)

    assert one.started != two.started


@every_world
@every_contestant
def test_nobody_pays_for_the_same_run_twice(name: str, place: str) -> None:
    watched, _ = game(name, world(place), budget=15)

    runs = [(one.configuration, one.rung, one.seed, one.split) for one in watched.started]

    assert len(set(runs)) == len(runs)


@every_world
@pytest.mark.parametrize("name", [name for name in CONTESTANTS if name not in OPTUNA])
def test_no_configuration_is_proposed_twice(name: str, place: str) -> None:
    watched, _ = game(name, world(place), budget=15)

    nodes = {(one.configuration, one.node) for one in watched.started}

    assert len({configuration for configuration, _ in nodes}) == len(nodes)


@pytest.mark.parametrize("name", sorted(OPTUNA))
def test_what_a_sampler_proposes_again_is_another_run(name: str) -> None:
    watched, _ = game(name, world("grid"), budget=60)
    proposed = {one.node: one for one in watched.started}.values()

    by_configuration = sorted((one.configuration, one.node, one.seed) for one in proposed)
    seeds = [[seed for *_, seed in same] for _, same in groupby(by_configuration, lambda x: x[0])]

    assert all(found == list(range(len(found))) for found in seeds)
    assert max(len(found) for found in seeds) > 1


@every_world
@every_contestant
def test_a_run_goes_on_to_the_next_rung_if_at_all(name: str, place: str) -> None:
    watched, _ = game(name, world(place), budget=12)

    rungs: dict[tuple[int, int], list[int]] = {}
    for one in watched.started:
        rungs.setdefault((one.node, one.seed), []).append(one.rung)

    assert all(found == [*range(found[0], found[-1] + 1)] for found in rungs.values())
    assert any(len(found) > 1 for found in rungs.values()) == (name in SHORT_RUNS)


@pytest.mark.parametrize("name", [n for n in CONTESTANTS if n not in ONE_CHAIN | FEW_PLACES])
def test_workers_are_kept_busy_where_the_rule_allows_it(name: str) -> None:
    watched, outcome = game(name, world("landscape"), workers=4)

    assert watched.waits == 0
    assert outcome.spent >= BUDGET


@pytest.mark.parametrize("name", sorted(ONE_CHAIN | FEW_PLACES))
def test_who_waits_goes_on_when_a_result_comes(name: str) -> None:
    watched, outcome = game(name, world("landscape"), workers=8)

    assert watched.waits > 0
    assert outcome.spent >= BUDGET


def test_a_chain_is_one_run_at_a_time() -> None:
    _, one = game("sequential", world("landscape"), workers=1)
    _, many = game("sequential", world("landscape"), workers=4)

    assert many.makespan == one.makespan
    assert one.idle == pytest.approx(0)


@every_contestant
def test_nobody_looks_at_the_truth(name: str) -> None:
    place = world("landscape")
    contestant = CONTESTANTS[name](Blind(place), BUDGET, Random(0))

    outcome = play(place, contestant, budget=BUDGET, workers=WORKERS)

    assert untimed(outcome) == untimed(game(name, place)[1])


@pytest.mark.parametrize("name", [name for name in CONTESTANTS if name not in OPTUNA])
def test_all_who_have_a_researcher_begin_with_the_same_draft(name: str) -> None:
    watched, _ = game(name, world("landscape"))
    drafts, _ = game("random drafts", world("landscape"))

    assert watched.started[0].configuration == drafts.started[0].configuration


@every_contestant
def test_only_checks_use_the_rows_kept_for_them(name: str) -> None:
    watched, _ = game(name, world("landscape"), budget=25)

    checks = [at for at, one in enumerate(watched.started) if one.split == "selection"]

    assert bool(checks) == (name in CHECKING)
    assert checks == list(range(len(watched.started) - len(checks), len(watched.started)))
    assert all(watched.started[at].seed > 0 for at in checks)


@pytest.mark.parametrize("name", [name for name in PEERS if name not in CHECKING])
def test_peers_hand_back_the_highest_score_of_the_longest_runs(name: str) -> None:
    place = VARIANTS["misleading"](landscape(1000), Noise(0.25))

    watched, outcome = game(name, place, budget=15)

    assert outcome.reported == watched.highest()


@pytest.mark.parametrize("name", [*ABLATIONS][:3])
def test_ours_believes_less_than_the_highest_score(name: str) -> None:
    place = VARIANTS["plain"](landscape(1000), Noise(0.25))

    watched, outcome = game(name, place, budget=20)

    assert outcome.reported < watched.highest()


def test_nobody_is_better_than_a_draft_where_scores_say_nothing() -> None:
    games = [(number, seed) for number in (1000, 1001, 1002) for seed in range(14)]
    worlds = {n: VARIANTS["shuffled"](landscape(n), Noise(0.1)) for n in (1000, 1001, 1002)}
    rng = Random(0)

    drafts = fmean(
        1 - worlds[n].truth(random_configuration(rng)) for n in worlds for _ in range(999)
    )
    found = {
        name: fmean(
            game(name, worlds[n], seed=seed, budget=5.0, workers=2)[1].recipe_regret
            for n, seed in games
        )
        for name in CHEAP
    }

    # A game's regret deviates by 0.2: four standard errors of 42 games.
    assert found == pytest.approx(dict.fromkeys(CHEAP, drafts), abs=0.12)


def test_who_chooses_is_better_than_a_draft_where_scores_mean_something() -> None:
    games = [(number, seed) for number in (1000, 1001, 1002) for seed in range(3)]
    worlds = {n: VARIANTS["plain"](landscape(n), Noise(0.1)) for n in (1000, 1001, 1002)}

    found = {
        name: fmean(
            game(name, worlds[n], seed=seed, budget=10.0, workers=2)[1].recipe_regret
            for n, seed in games
        )
        for name in set(CHEAP) - ONE_CHAIN
    }

    assert max(found.values()) < 0.75


def test_asha_promotes_the_best_third_of_a_rung_as_soon_as_there_is_one() -> None:
    score = (0.1, 0.2, 0.9, 0.3, 0.4, 0.8, 0.5, 0.6, 0.7, 0.0)

    asked = alone("ASHA", lambda step, trial: score[trial.node], steps=14)

    steps = [(one.node, one.rung) for one in asked]
    assert steps == [
        (0, NINTH), (1, NINTH), (2, NINTH), (2, THIRD),
        (3, NINTH), (4, NINTH), (5, NINTH), (5, THIRD),
        (6, NINTH), (7, NINTH), (8, NINTH), (8, THIRD), (2, FULL), (9, NINTH),
    ]  # fmt: skip


def test_asha_promotes_from_the_highest_rung_first() -> None:
    asha = CONTESTANTS["ASHA"](Grid(), 1000.0, Random(1))

    def ask(count: int) -> list[Trial]:
        return [trial for _ in range(count) if (trial := asha.ask(0, count))]

    def tell(trials: Sequence[Trial]) -> None:
        for trial in trials:
            asha.tell(trial, Measured(trial.node / 10, 0.01))

    tell(ask(9))
    promoted, new = ask(3), ask(3)
    tell(promoted + new)

    assert [(one.node, one.rung) for one in ask(2)] == [(8, FULL), (11, THIRD)]


def test_asha_does_not_count_what_failed() -> None:
    asked = alone("ASHA", lambda step, _: None if step < 2 else 0.5, steps=6)

    assert [one.rung for one in asked] == [NINTH] * 5 + [THIRD]


def test_asha_that_evolves_changes_the_best_after_five_drafts() -> None:
    by_node: dict[int, Configuration] = {}

    asked = alone("ASHA + evolve", lambda step, trial: float(trial.node == 1), steps=30)

    for one in asked:
        by_node[one.node] = one.configuration
    later = [configuration for node, configuration in by_node.items() if node >= 5]
    assert all(sum(a != b for a, b in zip(new, by_node[1], strict=True)) == 1 for new in later[:5])


def test_hyperband_fills_its_brackets_one_after_another() -> None:
    asked = alone("Hyperband", lambda step, _: -float(step), steps=24)

    runs = [(rung, len(list(same))) for rung, same in groupby(one.rung for one in asked)]
    assert runs == [(NINTH, 9), (THIRD, 3), (FULL, 1), (THIRD, 5), (FULL, 4), (NINTH, 2)]


def test_hyperband_promotes_the_best_of_a_bracket() -> None:
    asked = alone("Hyperband", lambda step, trial: float(trial.node in (2, 5, 7)), steps=12)

    assert [one.node for one in asked[9:]] == [2, 5, 7]


def test_hyperband_goes_on_with_fewer_where_runs_fail() -> None:
    asked = alone("Hyperband", lambda step, _: None if step in range(1, 9) else 0.5, steps=12)

    assert [(one.node, one.rung) for one in asked[9:11]] == [(0, THIRD), (0, FULL)]


def test_a_pruned_run_never_goes_on_and_the_others_end() -> None:
    watched, _ = game("TPE + Hyperband", world("landscape"), budget=30)

    longest: dict[int, int] = {}
    for one in watched.started:
        longest[one.node] = one.rung
    ends = list(longest.values())

    assert ends.count(NINTH) > ends.count(THIRD) > 0
    assert ends.count(FULL) > 0


def test_going_on_below_is_judged_by_what_was_grown_below() -> None:
    # A tried child speaks for another child, not yet for children of its own.
    wide = tree(*[[score] for score in (0.0, 0.8, 0.9, 1.0)])
    deep = tree([0.1, 0.9, 1.0, 0.9], [0.0])
    rng = Random(0)

    drafts = {
        name: fmean(ab_mcts(grown, rng) == ROOT for _ in range(2000))
        for name, grown in (("wide", wide), ("deep", deep))
    }

    assert drafts["wide"] > 0.7
    assert drafts["deep"] < 0.4


def test_ab_mcts_goes_below_the_better_child() -> None:
    grown = tree([1.0, 0.9, 1.0], [0.0, 0.1, 0.0])
    rng = Random(0)

    below = [at for _ in range(2000) if (at := ab_mcts(grown, rng)) != ROOT]

    assert fmean(at in (1, 2, 3) for at in below) > 0.75


def test_clades_that_did_well_are_grown_the_more_surely_the_later_it_is() -> None:
    clades = [[1.0, 0.9, 1.0], [0.0, 0.1, 0.0], [0.1], [0.0], [0.1]]
    rng = Random(0)

    shares = [
        fmean(clade_thompson(tree(*clades, spent=spent), rng) in (1, 2, 3) for _ in range(1000))
        for spent in (0.0, 0.95)
    ]

    assert shares[0] < shares[1]
    assert shares[1] > 0.95


@pytest.mark.parametrize("rule", [ml_master_rewards, clade_thompson])
def test_five_drafts_come_first(rule: Callable[[Grown, Random], int]) -> None:
    chosen = [rule(tree(*[[0.5]] * count), Random(0)) for count in range(1, 7)]

    assert [at == ROOT for at in chosen] == [True] * 4 + [False] * 2


def test_a_node_has_three_children_before_one_of_them_is_grown() -> None:
    grown = tree([0.5], [0.4], [0.3], [0.2], [0.1])
    for score in (0.6, 0.7, 0.8):
        assert ml_master_rewards(grown, Random(0)) == 1
        grown.nodes.append(Node(1, (score,), score))
        grown.nodes[1].children.append(len(grown.nodes) - 1)

    assert ml_master_rewards(grown, Random(0)) in grown.nodes[1].children


@pytest.mark.parametrize("rule", [ab_mcts, clade_thompson, ml_master_rewards])
def test_failures_are_grown_by_no_rule(rule: Callable[[Grown, Random], int]) -> None:
    grown = tree([None], [0.5] * 20, [None], [0.4] * 20, [None], spent=0.0)
    rng = Random(0)

    chosen = {rule(grown, rng) for _ in range(5)}

    assert not any(grown.nodes[at].failed for at in chosen)


@pytest.mark.parametrize("name", [OURS, "TPE + Hyperband"])
def test_the_same_game_is_the_same_row(name: str) -> None:
    one, two = (play_game(Game(name, 1000, Cell(2, 0.1, 6.0), "plain")) for _ in range(2))

    assert one | {"planner_ms": 0.0} == two | {"planner_ms": 0.0}

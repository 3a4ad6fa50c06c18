"""What made-up worlds promise: fixed scores, known scales, variants that do what they say."""

import math
from collections.abc import Callable
from itertools import product
from random import Random
from statistics import correlation, fmean, median, pstdev

import pytest
from scipy.stats import spearmanr

from benchmarks.search.landscape import (
    CATEGORIES,
    DIMENSIONS,
    FAMILIES,
    RUNGS,
    Landscape,
    NoisyLandscape,
    changed,
    landscape,
    random_configuration,
)
from benchmarks.search.variants import CONTROLS, VARIANTS, Noise
from benchmarks.search.world import Configuration, Measured, Split

NUMBERS = (1000, 1001, 1002)
"""Landscapes that the settings were chosen on; those of the comparison stay unseen."""

NINTH, THIRD, FULL = range(3)
SIGMA = 0.2


def drafts(count: int, seed: int = 0) -> list[Configuration]:
    rng = Random(seed)
    return [random_configuration(rng) for _ in range(count)]


def climbed(land: Landscape, starts: int, steps: int, rng: Random) -> Configuration:
    """Return what a search without noise ends at."""
    best = max((random_configuration(rng) for _ in range(starts)), key=land.truth)
    for _ in range(steps):
        best = max(best, changed(best, rng, 0.25), key=land.truth)
    return best


def plain(sigma: float = SIGMA, number: int = NUMBERS[0]) -> NoisyLandscape:
    return NoisyLandscape(landscape(number), sigma)


def variant(name: str, sigma: float = SIGMA, misjudged: float = 1.0) -> NoisyLandscape:
    return VARIANTS[name](landscape(NUMBERS[0]), Noise(sigma, misjudged))


def full(world: NoisyLandscape, configuration: Configuration, seed: int = 0) -> float:
    return world.measure(configuration, FULL, seed, "search").value


def test_a_score_does_not_depend_on_what_was_asked_before() -> None:
    questions: list[tuple[Configuration, int, int, Split]] = [
        (configuration, rung, seed, split)
        for configuration in drafts(5)
        for rung in range(3)
        for seed in range(2)
        for split in ("search", "selection")
    ]
    forwards, backwards = plain(), plain()

    answers = [forwards.measure(*question) for question in questions]
    again = [backwards.measure(*question) for question in reversed(questions)]

    assert answers == again[::-1]
    assert len({answer.value for answer in answers}) == len(answers)


def test_a_landscape_follows_from_its_number() -> None:
    configurations = drafts(20)

    first, again = Landscape(1000), Landscape(1000)
    other = landscape(1001)

    assert [first.truth(c) for c in configurations] == [again.truth(c) for c in configurations]
    assert [first.cost(c) for c in configurations] == [again.cost(c) for c in configurations]
    assert [first.truth(c) for c in configurations] != [other.truth(c) for c in configurations]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_median_draft_has_a_regret_of_one(number: int) -> None:
    world = plain(number=number)

    regrets = [world.regret(world.truth(configuration)) for configuration in drafts(2000)]

    assert median(regrets) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_long_search_without_noise_ends_near_a_regret_of_zero(number: int) -> None:
    world, rng = plain(number=number), Random(1)

    best = max(world.truth(climbed(world.landscape, 60, 400, rng)) for _ in range(6))

    assert world.regret(best) == pytest.approx(0, abs=0.05)


def test_a_full_score_is_off_by_sigma() -> None:
    world = plain()

    off = [full(world, c) - world.truth(c) for c in drafts(2000)]

    assert fmean(off) == pytest.approx(0, abs=0.02)
    assert pstdev(off) == pytest.approx(SIGMA, rel=0.06)


def test_a_new_seed_brings_new_luck_and_new_items_bring_new_questions() -> None:
    world = plain()
    configurations = drafts(2000)

    by_seed = [full(world, c, 0) - full(world, c, 1) for c in configurations]
    by_split = [
        full(world, c) - world.measure(c, FULL, 0, "selection").value for c in configurations
    ]

    assert pstdev(by_seed) == pytest.approx(0.8 * SIGMA * math.sqrt(2), rel=0.06)
    assert pstdev(by_split) == pytest.approx(0.6 * SIGMA * math.sqrt(2), rel=0.06)


def test_a_checkpoint_is_worth_its_recipe_and_its_luck() -> None:
    world = plain()

    luck = [world.checkpoint_truth(c, FULL, 3) - world.truth(c) for c in drafts(2000)]

    assert pstdev(luck) == pytest.approx(0.8 * SIGMA, rel=0.06)


@pytest.mark.parametrize(
    ("name", "rung", "documented"),
    [
        ("plain", NINTH, 0.73),
        ("plain", THIRD, 0.9),
        ("misleading", NINTH, 0.38),
        ("misleading", THIRD, 0.5),
    ],
)
def test_short_runs_rank_good_recipes_about_as_documented(
    name: str, rung: int, documented: float
) -> None:
    found = []
    for number in NUMBERS:
        land, rng = landscape(number), Random(number)
        world = VARIANTS[name](land, Noise(sigma=0.0))
        good = {climbed(land, 1, 15, rng) for _ in range(200)}
        short = [world.measure(c, rung, 0, "search").value for c in good]
        found.append(spearmanr(short, [world.truth(c) for c in good]).statistic)

    assert fmean(found) == pytest.approx(documented, abs=0.06)


@pytest.mark.parametrize("rung", [NINTH, THIRD])
def test_short_runs_score_lower_for_what_they_lack(rung: int) -> None:
    world = plain(sigma=0.0)

    off = [world.measure(c, rung, 0, "search").value - world.truth(c) for c in drafts(4000)]

    assert fmean(off) == pytest.approx(-0.12 * (1 - RUNGS[rung]), abs=0.02)


def test_short_runs_are_noisier() -> None:
    world = plain(sigma=2.0)

    spread = [
        pstdev(
            world.checkpoint_truth(c, rung, 0) - world.checkpoint_truth(c, rung, 1)
            for c in drafts(1500)
        )
        for rung in range(3)
    ]

    assert spread[NINTH] > 1.2 * spread[THIRD]
    assert spread[THIRD] > 1.2 * spread[FULL]


def test_costs_lie_between_three_tenths_and_two_around_one() -> None:
    ends = product((0.0, 1.0), repeat=len(DIMENSIONS) - 1 - CATEGORIES)
    corners = [(FAMILIES - 1, *(0,) * CATEGORIES, *numbers) for numbers in ends]

    inside = [landscape(number).cost(c) for number in NUMBERS for c in drafts(1000)]
    extreme = [landscape(number).cost(c) for number in (1000, 1006) for c in corners]

    assert (min(extreme), max(extreme)) == (0.3, 2)
    assert fmean(inside) == pytest.approx(1, abs=0.15)


def test_costs_say_nothing_of_worth() -> None:
    configurations = drafts(500)

    found = [
        correlation([land.cost(c) for c in configurations], [land.truth(c) for c in configurations])
        for land in map(landscape, NUMBERS)
    ]

    assert fmean(found) == pytest.approx(0, abs=0.2)


def test_a_change_keeps_the_family_and_changes_one_or_two_choices() -> None:
    rng = Random(0)
    before = drafts(500)

    pairs = [(old, changed(old, rng, 0.25)) for old in before]

    assert all(old[0] == new[0] for old, new in pairs)
    # A second change may undo the first, and a number may already stand at its end.
    counts = [sum(a != b for a, b in zip(old, new, strict=True)) for old, new in pairs]
    assert set(counts) <= {0, 1, 2}
    assert counts.count(2) / len(counts) == pytest.approx(0.35, abs=0.08)
    assert counts.count(0) / len(counts) < 0.05


@pytest.mark.parametrize("propose", ["draft", "mutate"])
def test_proposals_stay_within_their_dimensions(propose: str) -> None:
    world, rng = plain(), Random(0)
    make: Callable[[Configuration], Configuration] = {
        "draft": lambda parent: world.draft(rng),
        "mutate": lambda parent: world.mutate(parent, rng),
    }[propose]

    proposals = [make(parent) for parent in drafts(300)]

    for proposal in proposals:
        for choice, dimension in zip(proposal, DIMENSIONS, strict=True):
            if dimension.levels is None:
                assert 0 <= choice <= 1
            else:
                assert choice in range(dimension.levels)


def test_a_better_researcher_proposes_better_changes() -> None:
    gained = {}
    for name in ("quality0", "plain", "quality50"):
        world, rng = variant(name), Random(0)
        gained[name] = fmean(
            world.truth(world.mutate(c, rng)) - world.truth(c) for c in drafts(1500)
        )

    assert gained["quality0"] == pytest.approx(0, abs=0.02)
    assert gained["quality0"] + 0.02 < gained["plain"] < gained["quality50"] - 0.02


@pytest.mark.parametrize(("name", "share"), [("plain", 0.08), ("crashes", 0.5)])
def test_a_share_of_configurations_crashes_always(name: str, share: float) -> None:
    first, again = variant(name), variant(name)
    configurations = drafts(2000)

    crashed = [first.crashes(c) for c in configurations]

    assert fmean(crashed) == pytest.approx(share, abs=0.02)
    assert crashed == [again.crashes(c) for c in configurations]


def test_being_told_the_wrong_noise_changes_no_score() -> None:
    right, wrong = variant("plain"), variant("plain", misjudged=1.5)

    pairs = [
        (right.measure(c, FULL, 0, "search"), wrong.measure(c, FULL, 0, "search"))
        for c in drafts(20)
    ]

    assert [a.value for a, _ in pairs] == [b.value for _, b in pairs]
    assert all(b.variance == pytest.approx(1.5**2 * a.variance) for a, b in pairs)


def test_half_of_the_variance_that_is_told_is_that_of_the_items() -> None:
    world = plain()

    told = world.measure(drafts(1)[0], FULL, 0, "search").variance

    assert told / 2 == pytest.approx((0.6 * SIGMA) ** 2)


def test_shuffled_scores_say_nothing_of_worth() -> None:
    honest, shuffled = variant("plain"), variant("shuffled")
    configurations = drafts(1000)
    truth = [honest.truth(c) for c in configurations]

    assert correlation(truth, [full(honest, c) for c in configurations]) > 0.6
    assert abs(correlation(truth, [full(shuffled, c) for c in configurations])) < 0.1


def test_shuffled_scores_belong_to_other_configurations_for_good() -> None:
    first, again = variant("shuffled"), variant("shuffled")
    configurations = drafts(200)

    scores = [full(first, c) for c in configurations]

    assert scores == [full(again, c) for c in configurations]
    assert [first.truth(c) for c in configurations] == [plain().truth(c) for c in configurations]
    assert pstdev(scores) == pytest.approx(
        pstdev(full(plain(), c) for c in configurations), rel=0.2
    )


def test_only_short_runs_are_shuffled_where_only_they_should_be() -> None:
    honest, shuffled = variant("plain"), variant("shuffled short")
    configurations = drafts(1000)
    truth = [honest.truth(c) for c in configurations]

    full_scores = [shuffled.measure(c, FULL, 0, "search") for c in configurations]
    short = [shuffled.measure(c, THIRD, 0, "search").value for c in configurations]

    assert full_scores == [honest.measure(c, FULL, 0, "search") for c in configurations]
    assert abs(correlation(truth, short)) < 0.1


def test_scores_without_noise_are_the_truth() -> None:
    world = variant("noiseless")

    for c in drafts(20):
        exact = Measured(world.truth(c), 0.0)
        assert world.measure(c, FULL, 0, "search") == exact
        assert world.measure(c, FULL, 1, "selection") == exact


def test_a_repeating_researcher_returns_what_is_there() -> None:
    world, rng = variant("repeating"), Random(0)

    assert all(world.mutate(c, rng) == c for c in drafts(20))


def test_every_control_is_a_variant() -> None:
    assert set(CONTROLS) <= set(VARIANTS)

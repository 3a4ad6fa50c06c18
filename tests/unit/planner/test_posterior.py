"""What is believed of every experiment, against the same model solved as one big system."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner import posterior
from services.planner.messages import layout_of
from services.planner.posterior import MOVED
from services.planner.prior import evidence
from services.planner.search import ExperimentSearch, SearchRules
from services.planner.tree import Observation, Stage
from shared.contracts.base import ROOT, ExperimentId
from tests.support.trees import History, histories, is_measured, replayed, tell


def solved(search: ExperimentSearch) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of all nodes but the root, from the whole precision matrix at once."""
    tree, prior = search.tree, search.prior
    count = len(tree) - 1
    precision, weighted = np.zeros((count, count)), np.zeros(count)
    for node in range(1, count + 1):
        parent, at = tree.parent[node], node - 1
        if parent == ROOT:
            precision[at, at] += 1 / prior.spread
            weighted[at] += prior.draft / prior.spread
        else:
            weight = 1 / prior.change
            precision[np.ix_([at, parent - 1], [at, parent - 1])] += weight * np.array(
                [[1, -1], [-1, 1]]
            )
            weighted[at] += weight * prior.step
            weighted[parent - 1] -= weight * prior.step
        if tree.stage[node] != Stage.TOLD:
            continue
        for o in tree.observations(node):
            if tree.observed_rung[o] != tree.rung[node] or not tree.observed_anew[o]:
                continue
            value = tree.observed_value[o]
            if tree.is_full(node):
                noise = prior.noise.kept * tree.observed_variance[o] + prior.noise.seed
            else:
                value = prior.maps[0].intercept + prior.maps[0].slope * value
                noise = prior.maps[0].residual
            precision[at, at] += 1 / noise
            weighted[at] += value / noise
    covariance = np.linalg.inv(precision)
    return covariance @ weighted, np.diag(covariance)


@given(histories())
@settings(deadline=None, max_examples=60)
def test_the_posterior_is_the_solution_of_the_whole_system(history: History) -> None:
    search = replayed(history)
    mean, variance = solved(search)

    np.testing.assert_allclose(search.posterior.mean[1:], mean, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(search.posterior.variance[1:], variance, rtol=1e-8, atol=1e-12)


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=35)
def test_the_order_of_results_does_not_matter(history: History, rng: random.Random) -> None:
    told = list(history.told)
    rng.shuffle(told)
    # A failure before or after a measurement of the same node says different things.
    told.sort(key=lambda one: isinstance(one.result, Observation))
    first = sorted(history.told, key=lambda one: isinstance(one.result, Observation))
    one = replayed(History(history.parents, history.aliases, tuple(first)))
    other = replayed(History(history.parents, history.aliases, tuple(told)))

    np.testing.assert_allclose(one.posterior.mean, other.posterior.mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(one.prior.change, other.prior.change, rtol=1e-7)
    np.testing.assert_allclose(one.bar, other.bar, rtol=1e-7, atol=1e-9)


@given(histories())
@settings(deadline=None, max_examples=20)
def test_what_is_told_twice_counts_once(history: History) -> None:
    once = replayed(history)
    mean = list(once.posterior.mean)
    for one in history.told:
        if isinstance(one.result, Observation):
            tell(once, one)

    assert list(once.posterior.mean) == mean
    assert len(once.tree.observed_node) == sum(
        isinstance(one.result, Observation) for one in history.told
    )


@given(histories(), st.data())
@settings(deadline=None, max_examples=40)
def test_an_update_of_one_branch_is_what_a_refresh_says_of_it(
    history: History, data: st.DataObject
) -> None:
    search = replayed(history)
    fresh = search.expand(ExperimentId(data.draw(st.sampled_from(range(len(search.tree))))))
    if search.tree.stage[search.tree.parent[fresh]] == Stage.ALIAS:
        return
    prior = search.prior
    search.tree.tell(fresh, Observation(1, 0.77, 0.0025))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posterior, "MOVED", 0.0)  # every change is told, however small
        path = search.posterior.update(search.tree, prior, fresh)
    updated = [(search.posterior.mean[n], search.posterior.variance[n]) for n in path]
    read = evidence(search.tree, prior.noise, prior.maps)
    search.posterior.refresh(search.tree, layout_of(search.tree), prior, read)

    np.testing.assert_allclose(
        updated,
        [(search.posterior.mean[n], search.posterior.variance[n]) for n in path],
        rtol=1e-8,
        atol=1e-10,
    )


def test_what_is_not_told_up_to_the_root_is_little_and_never_lost() -> None:
    search, rng = ExperimentSearch(SearchRules(seed_deviation=0.05)), random.Random(5)
    node = ROOT
    for _ in range(30):
        node = search.expand(node)
        search.tell(node, Observation(0, rng.gauss(0.5, 0.1), 0.0025))
    tree, prior, belief = search.tree, search.prior, search.posterior
    lineage = list(tree.lineage(node))[:-1]

    for _ in range(200):
        child = tree.expand(node)
        belief.append(0.0, 1.0)
        tree.tell(child, Observation(0, rng.gauss(0.5, 0.1), 0.0025))
        assert len(belief.update(tree, prior, child)) < len(lineage)

    told = np.array([(belief.mean[n], belief.variance[n]) for n in lineage])
    read = evidence(tree, prior.noise, prior.maps)
    belief.refresh(tree, layout_of(tree), prior, read)
    exact = np.array([(belief.mean[n], belief.variance[n]) for n in lineage])
    off, doubt = np.abs(told - exact), exact[:, 1] + prior.change
    assert (off[:, 0] < 2 * MOVED * np.sqrt(doubt)).all()
    assert (off[:, 1] < 2 * MOVED * doubt).all()


def children_of(search: ExperimentSearch) -> tuple[list[float], list[int]]:
    """Of each node, the sum of what its measured children are believed to be worth, and how many.

    A child counts for whoever proposed it again, too.
    """
    tree, mean = search.tree, search.posterior.mean
    sums, counts = [0.0] * len(tree), [0] * len(tree)
    for node in range(1, len(tree)):
        if is_measured(search, node):
            for parent in (tree.parent[node], *tree.aliases.get(node, ())):
                sums[parent] += mean[node]
                counts[parent] += 1
    return sums, counts


@given(histories())
@settings(deadline=None, max_examples=30)
def test_children_are_summed_for_the_parent_and_for_whoever_proposed_them_again(
    history: History,
) -> None:
    search = replayed(history)

    sums, counts = children_of(search)

    np.testing.assert_allclose(search.posterior.sum_children, sums, atol=1e-9)
    assert list(search.posterior.measured_children) == counts


@given(histories(), st.data())
@settings(deadline=None, max_examples=30)
def test_an_update_of_one_branch_keeps_the_sums_of_children(
    history: History, data: st.DataObject
) -> None:
    search = replayed(history)
    tree = search.tree
    places = st.sampled_from([n for n in range(len(tree)) if tree.stage[n] != Stage.ALIAS])
    fresh, again = (search.expand(ExperimentId(data.draw(places))) for _ in range(2))
    tree.alias(again, fresh)

    tree.tell(fresh, Observation(1, 0.77, 0.0025))
    search.posterior.update(tree, search.prior, fresh)

    sums, counts = children_of(search)
    np.testing.assert_allclose(search.posterior.sum_children, sums, atol=1e-9)
    assert list(search.posterior.measured_children) == counts


def measured(*scores: float, below: tuple[float, ...] = ()) -> ExperimentSearch:
    """Drafts with these scores, and children of the first."""
    search = ExperimentSearch(SearchRules(seed_deviation=0.1))
    for score in scores:
        search.tell(search.expand(ROOT), Observation(0, score, 0.0))
    for score in below:
        search.tell(search.expand(ExperimentId(1)), Observation(0, score, 0.0))
    return search


def test_a_lucky_score_with_poor_children_is_pulled_down() -> None:
    alone, with_poor = (
        measured(0.9, 0.5, 0.4, 0.3),
        measured(0.9, 0.5, 0.4, 0.3, below=(0.3, 0.3, 0.35, 0.3)),
    )

    assert with_poor.posterior.mean[1] < alone.posterior.mean[1] - 0.05


def test_a_poor_score_with_a_good_child_is_pulled_up() -> None:
    alone, with_good = measured(0.3, 0.5, 0.4), measured(0.3, 0.5, 0.4, below=(0.7,))

    assert with_good.posterior.mean[1] > alone.posterior.mean[1]


def test_what_was_grown_because_it_was_lucky_does_not_make_steps_look_like_losses() -> None:
    # Every worth is 0.5; the best of five noisy drafts gets ten children.
    rng = random.Random(3)
    steps = []
    for _ in range(40):
        search = ExperimentSearch(SearchRules(seed_deviation=0.1))
        for _ in range(5):
            search.tell(search.expand(ROOT), Observation(0, 0.5 + rng.gauss(0, 0.1), 0.0))
        best = max(range(1, 6), key=lambda n: search.tree.value[n])
        for _ in range(10):
            child = search.expand(ExperimentId(best))
            search.tell(child, Observation(0, 0.5 + rng.gauss(0, 0.1), 0.0))
        steps.append(search.prior.step)

    # The lucky parent's own score is 0.12 above its worth on average.
    assert abs(sum(steps) / len(steps)) < 0.03


def test_beliefs_are_finite_when_nothing_was_measured() -> None:
    search = ExperimentSearch(SearchRules())
    search.expand(ROOT)

    assert math.isfinite(search.posterior.mean[1])

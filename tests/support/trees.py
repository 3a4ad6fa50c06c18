"""Searches that have been through something, drawn by hypothesis."""

from array import array
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from services.planner.search import ExperimentSearch, SearchRules
from services.planner.tree import Failure, Observation, Stage
from shared.contracts.base import ROOT, ExperimentId

RUNGS = (1 / 3, 1.0)


@dataclass(frozen=True, slots=True)
class Told:
    """One result, or a failure."""

    node: ExperimentId
    result: Observation | Failure

    def measured_in(self, unit: float, zero: float) -> "Told":
        """See `History.measured_in`."""
        result = self.result
        if isinstance(result, Observation):
            value, variance = unit * result.value + zero, unit**2 * result.variance
            result = replace(result, value=value, variance=variance)
        return Told(self.node, result)


@dataclass(frozen=True, slots=True)
class History:
    """Who was grown below whom, which were found to be the same, and what was told, in an order."""

    parents: tuple[int, ...]
    """Of nodes 1, 2, ..."""
    aliases: tuple[tuple[ExperimentId, ExperimentId], ...]
    told: tuple[Told, ...]

    def measured_in(self, unit: float, zero: float) -> "History":
        """The same, by a metric that is ``unit`` times this one, with another zero."""
        return replace(self, told=tuple(one.measured_in(unit, zero) for one in self.told))


def replayed(
    history: History,
    *,
    seed_deviation: float | None = 0.05,
    rungs: tuple[float, ...] = RUNGS,
    budget: float = 20,
) -> ExperimentSearch:
    """Return a search that has been through a history; with one rung, short runs are full ones."""
    search = ExperimentSearch(
        SearchRules(rungs=rungs, budget=budget, seed_deviation=seed_deviation)
    )
    for parent in history.parents:
        search.expand(ExperimentId(parent))
    for node, of in history.aliases:
        search.alias(node, of)
    for one in history.told:
        tell(search, one)
    return search


def tell(search: ExperimentSearch, one: Told) -> None:
    """Hand one result over."""
    if isinstance(one.result, Observation):
        rung = min(one.result.rung, len(search.rules.rungs) - 1)
        search.tell(one.node, replace(one.result, rung=rung))
    else:
        search.fail(one.node, one.result)


SCORES = st.integers(0, 100).map(lambda n: n / 100)


@st.composite
def histories(draw: st.DrawFn, most: int = 14) -> History:
    """Draw trees with failures, several measurements a node, short runs, aliases, unmeasured."""
    count = draw(st.integers(1, most))
    parents: list[int] = []
    alone: list[bool] = [True]  # an alias has no children
    aliases: list[tuple[ExperimentId, ExperimentId]] = []
    told: list[Told] = []
    for node in range(1, count + 1):
        parents.append(draw(st.sampled_from([n for n in range(node) if alone[n]])))
        fate = draw(
            st.sampled_from(["told", "told", "told", "broken", "diverged", "alias", "none"])
        )
        originals = [n for n in range(1, node) if alone[n]]
        alone.append(fate != "alias" or not originals)
        if fate == "alias" and originals:
            of = draw(st.sampled_from(originals))
            aliases.append((ExperimentId(node), ExperimentId(of)))
        elif fate in ("broken", "diverged"):
            told.append(Told(ExperimentId(node), "broken" if fate == "broken" else "diverged"))
        elif fate != "none":
            told.extend(Told(ExperimentId(node), one) for one in draw(_observations()))
    return History(tuple(parents), tuple(aliases), tuple(told))


@st.composite
def _observations(draw: st.DrawFn) -> list[Observation]:
    kinds = draw(
        st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 1)),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    # Only full runs are checked on other rows.
    return [
        Observation(rung, draw(SCORES), draw(st.sampled_from([0.0004, 0.0025])), seed, split)
        for rung, seed, split in kinds
        if rung == 1 or split == 0
    ]


def is_measured(search: ExperimentSearch, node: int) -> bool:
    """Whether a node of a history counts as measured."""
    return bool(search.tree.stage[node] == Stage.TOLD and search.posterior.is_measured(node))


def tried(search: ExperimentSearch, data: st.DataObject, most: int = 8) -> ExperimentSearch:
    """Take a search some way further, without new measurements."""
    acts = ["expand", "begin", "lose", "drop", "trust", "expect_costs"]
    for _ in range(data.draw(st.integers(0, most))):
        act = data.draw(st.sampled_from(acts))
        any_of_all = st.integers(0, len(search.tree) - 1)
        node = ExperimentId(data.draw(st.sampled_from(_in_question(search)) | any_of_all))
        if act == "expand" and search.tree.may_grow(node):
            search.expand(node)
        elif node == ROOT or search.tree.stage[node] == Stage.ALIAS:
            continue
        elif act == "begin" and search.tree.stage[node] == Stage.TOLD:
            search.begin(node)
        elif act == "lose":
            search.lose(node)
        elif act == "drop":
            search.drop(node)
        elif act == "trust":
            search.trust(node, data.draw(st.sampled_from([0.1, 0.7, 1.5, 3.0])))
        elif act == "expect_costs":
            search.expect_costs({node: data.draw(st.sampled_from([0.2, 1.0, 4.0]))})
    return search


def _in_question(search: ExperimentSearch) -> list[int]:
    """Return the nodes that a change is most likely to matter at: the best, and the youngest."""
    choice = search.ask()
    acts = [] if choice is None else [choice.terms, choice.runner_up]
    return [len(search.tree) - 1, *(terms.node for terms in acts if terms is not None)]


def contents(search: ExperimentSearch) -> dict[str, object]:
    """Return everything a search knows and believes, and what it would do, to be compared."""
    columns = {
        f"{type(part).__name__}.{name}": list(column) if isinstance(column, array) else column
        for part in (search.tree, search.posterior)
        for name, column in vars(part).items()
    }
    numbers = (search.prior, search.noise, search.bar, search.first_rung())
    return {**columns, "numbers": numbers, "next": search.ask()}

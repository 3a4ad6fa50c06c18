from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.researcher import proposing
from services.researcher.costs import predicted_s
from services.researcher.difference import facts, near_same
from services.researcher.factors import replaced, with_value
from services.researcher.mutations import Mutation
from services.researcher.novelty import REDRAWS, only_new
from services.researcher.prior import learning_rate
from services.researcher.rules import RuleResearcher
from shared.contracts.base import ExperimentId, JobId, digest
from shared.contracts.job import Limits
from shared.contracts.operators import (
    Augment,
    Balance,
    Curriculum,
    Mix,
    Quality,
    Source,
    Tokens,
    Where,
)
from shared.contracts.proposal import Finding, Proposal, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.variation import Options
from shared.errors import NothingNew, Rejected
from tests.unit.researcher.researcher_examples import (
    DIVERGED,
    brief,
    context,
    finding,
    lesson,
    recipe,
    request,
    trained,
)


def propose(asked: ProposeRequest) -> Proposal:
    return RuleResearcher().propose(asked).proposals[0]


def drafts(count: int) -> list[Recipe]:
    findings: list[Finding] = []
    for number in range(1, count + 1):
        findings.append(finding(number, propose(request(findings)).recipe))
    return [found.recipe for found in findings]


def test_the_first_draft_is_the_usual_lora_recipe() -> None:
    proposal = propose(request())

    assert proposal.recipe == recipe()
    assert proposal.changed[0] == "adapter lora"
    assert proposal.proposer == "rules"


def test_the_first_four_drafts_cover_both_adapters_and_both_ends_of_the_learning_rate() -> None:
    first = drafts(4)

    relative = {
        (made.adapter.kind, made.method.learning_rate / learning_rate(made.adapter.kind, 1.5e9))
        for made in first
    }
    assert relative == {("lora", 1.0), ("full", 1.0), ("lora", 4.0), ("full", 0.3)}


def test_where_no_more_than_adapters_can_be_scored_no_model_is_trained_in_full() -> None:
    there = context(adapters_only=True)
    findings: list[Finding] = []
    for number in range(1, 13):
        parent = 0 if number < 7 else 1
        made = propose(request(findings, parent=parent, context=there)).recipe
        findings.append(finding(number, made))

    assert {found.recipe.adapter.kind for found in findings} == {"lora"}
    assert len({digest(found.recipe) for found in findings}) == 12


def test_later_drafts_spread_over_rates_epochs_batches_and_adapters() -> None:
    later = drafts(16)[4:]

    rates = sorted(
        made.method.learning_rate / learning_rate(made.adapter.kind, 1.5e9) for made in later
    )
    assert rates[0] < 0.5
    assert rates[-1] > 2
    assert len({made.method.num_train_epochs for made in later}) >= 5
    assert len({made.method.per_device_train_batch_size for made in later}) >= 3
    assert {made.adapter.kind for made in later} == {"lora", "full"}


def test_drafts_keep_below_the_rates_that_broke_down() -> None:
    broken = finding(1, recipe(learning_rate=2e-4), value=None, outcome=DIVERGED)
    others = [finding(n, recipe(learning_rate=1e-6 * n)) for n in range(2, 20)]

    made = [propose(request([broken, *others[:n]])).recipe for n in range(len(others))]

    assert all(one.method.learning_rate <= 1e-4 for one in made if one.adapter.kind == "lora")


def test_later_drafts_move_towards_the_best_rate_seen() -> None:
    known = [finding(n, recipe(learning_rate=2e-6 * n), 0.1) for n in range(1, 5)]
    best = finding(5, recipe(learning_rate=0.02), 0.9)

    usual, moved = (
        [propose(request(known + extra, number=n)).recipe for n in range(7, 17, 2)]
        for extra in ([], [best])
    )

    assert _middle_of(moved) > 3 * _middle_of(usual)


def _middle_of(recipes: list[Recipe]) -> float:
    rates = sorted(one.method.learning_rate for one in recipes if one.adapter.kind == "lora")
    return rates[len(rates) // 2]


def test_drafts_asked_for_side_by_side_differ() -> None:
    first = propose(request(number=1))
    second = propose(request(number=2))  # the first has not come back and is no finding yet

    assert not near_same(facts(first.recipe), facts(second.recipe))


def test_the_same_request_gets_the_same_proposal() -> None:
    parent = finding(1, recipe())
    asked = request([parent], parent=1)

    assert propose(asked) == propose(asked)


@pytest.mark.parametrize(
    "otherwise",
    [
        [{"context": context(seed=n)} for n in range(8)],
        [{"job_id": JobId(f"j-{n}")} for n in range(8)],
        [{"number": n} for n in range(2, 10)],
    ],
    ids=["seed", "job", "number"],
)
def test_another_seed_job_or_number_draws_otherwise(otherwise: list[dict[str, Any]]) -> None:
    parent = finding(1, recipe())

    made = [propose(request([parent], parent=1, **rest)).recipe for rest in otherwise]

    assert len({(one.method, one.adapter) for one in made}) > 4


def test_a_proposal_says_why_with_the_numbers_it_rests_on() -> None:
    start = finding(1, recipe(), 0.5)
    worse = finding(
        2,
        recipe(learning_rate=1e-3),
        0.3,
        parent=1,
        taught=lesson("worse", effect=-0.2),
    )
    asked = [request([start, worse], parent=1, number=n) for n in range(3, 40)]

    said = [proposal.expects for proposal in map(propose, asked)]

    assert all("aims above the 0.500 of #1 because" in sentence for sentence in said)
    assert all("2 findings together foresee" in sentence for sentence in said)
    assert any("#2 took learning_rate up and lost 0.200" in sentence for sentence in said)


def test_a_parent_nobody_sent_is_refused() -> None:
    with pytest.raises(Rejected, match="wanted its parent 7 among the 1 findings"):
        propose(request([finding(1, recipe())], parent=7))


def test_nothing_new_is_said_when_every_draw_has_been_tried() -> None:
    known = finding(1, recipe())
    draws = [known] * (REDRAWS + 1)

    with pytest.raises(NothingNew, match="unlike the 1 before it"):
        list(only_new(draws, [known]))


def test_only_so_many_draws_are_looked_at() -> None:
    known, new = finding(1, recipe()), finding(2, recipe(r=64))

    with pytest.raises(NothingNew):
        list(only_new([*[known] * REDRAWS, new], [known]))
    assert list(only_new([*[known] * (REDRAWS - 1), new], [known])) == [new]


def test_a_parent_of_other_hands_is_put_on_the_jobs_own_rows_and_limits() -> None:
    foreign = finding(1, recipe())
    asked = request(
        [foreign],
        parent=1,
        context=context(train="mine.jsonl", limits=Limits(max_length=64), seed=9),
        brief=brief(train_sha256="1" * 64),
    )

    made = propose(asked).recipe

    load = made.data[0]
    assert load.kind == "load"
    assert (load.path, load.sha256) == ("mine.jsonl", "1" * 64)
    assert (made.method.max_length, made.seed) == (64, 9)


def test_no_recipe_is_proposed_that_would_run_out_of_time() -> None:
    slow = finding(1, recipe(), outcome=trained(steps=100, gpu_seconds=1000.0, stopped="time"))
    limits = context(limits=Limits(run_s=2000.0))

    for number in range(2, 30):
        for parent in (0, 1):
            asked = request([slow], number=number, parent=parent, context=limits)
            seconds = predicted_s(propose(asked).recipe, asked)
            assert seconds is not None
            assert seconds <= 2000.0


@st.composite
def searches(draw: st.DrawFn) -> ProposeRequest:
    """A request after a few experiments that ended in every way there is."""
    job: dict[str, Any] = {
        "brief": brief(
            rows=draw(st.sampled_from([1, 30, 500, 100_000])),
            duplicate_share=draw(st.sampled_from([0.0, 0.3])),
            base_parameters=draw(st.sampled_from([None, 2_000_000, 70_000_000_000])),
        ),
        "context": context(seed=draw(st.integers(0, 1000))),
    }
    findings: list[Finding] = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        made = propose(request(findings, parent=_some_parent(draw, findings), **job)).recipe
        value = draw(st.none() | st.floats(0, 1))
        outcome = draw(st.sampled_from([None, DIVERGED])) if value is None else trained()
        fit = draw(st.sampled_from(["underfitting", "overfitting", "healthy", "unknown"]))
        verdict = draw(st.sampled_from(["better", "worse", "same"]))
        taught = lesson("failed" if outcome == DIVERGED else verdict, fit) if outcome else None
        parent = _some_parent(draw, findings)
        findings.append(finding(number, made, value, parent, outcome, taught))
    return request(findings, parent=_some_parent(draw, findings), **job)


def _some_parent(draw: st.DrawFn, findings: Sequence[Finding]) -> int:
    return draw(st.sampled_from([0, *(f.experiment for f in findings if f.value is not None)]))


@settings(max_examples=25, deadline=None)
@given(searches())
def test_every_proposal_is_a_valid_recipe_unlike_all_before_it(asked: ProposeRequest) -> None:
    proposal = propose(asked)

    made = Recipe.model_validate_json(proposal.recipe.model_dump_json())
    assert [operator.kind for operator in made.data[:2]] == ["load", "map"]
    assert made.data[-1].kind == "hold_out"
    assert proposal.changed
    assert digest(made) not in {digest(f.recipe) for f in asked.findings}
    assert not any(near_same(facts(made), facts(f.recipe)) for f in asked.findings)


def test_recipes_asked_for_at_once_differ_from_each_other_and_from_all_before() -> None:
    parent = finding(1, recipe(), value=0.5)
    asked = request([parent], parent=1)
    several = asked.model_copy(update={"experiments": tuple(ExperimentId(n) for n in (2, 3, 4))})

    made = [proposal.recipe for proposal in RuleResearcher().propose(several).proposals]

    assert len(made) == 3
    known = [facts(one) for one in (parent.recipe, *made)]
    assert not any(near_same(a, b) for a, b in combinations(known, 2))


def test_several_drafts_are_those_that_would_have_come_one_by_one() -> None:
    several = request().model_copy(
        update={"experiments": tuple(ExperimentId(n) for n in (1, 2, 3))}
    )

    made = [proposal.recipe for proposal in RuleResearcher().propose(several).proposals]

    assert made == drafts(3)


def test_when_little_is_left_to_try_fewer_recipes_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = [Mutation(recipe(learning_rate=rate), ("r",)) for rate in (1e-3, 1e-4)]
    monkeypatch.setattr(proposing, "mutations", lambda *_: iter(drawn))
    asked = request([finding(1, recipe(), value=0.5)], parent=1)
    several = asked.model_copy(update={"experiments": tuple(ExperimentId(n) for n in (2, 3, 4))})

    assert len(RuleResearcher().propose(several).proposals) == 2


def test_operators_the_rules_do_not_know_stay_where_somebody_put_them() -> None:
    load, mapping, hold_out = recipe().data
    where = Where(column="level", values=("easy",))
    theirs = (load, where, mapping, Quality(), Balance(max_share=0.5), hold_out)
    foreign = finding(1, replaced(recipe(), data=theirs))

    made = propose(request([foreign], parent=1)).recipe
    deduplicated = with_value(foreign.recipe, "deduplicate", "prompt")

    assert [one for one in made.data if one in theirs] == list(theirs)
    assert [one.kind for one in deduplicated.data][-3:] == ["deduplicate", "balance", "hold_out"]


def test_a_new_filter_comes_before_variants_and_a_curriculum() -> None:
    load, mapping, hold_out = recipe().data
    theirs = (load, mapping, Augment(rule=Options()), Curriculum(), hold_out)

    found = with_value(replaced(recipe(), data=theirs), "deduplicate", "prompt")

    assert [one.kind for one in found.data[2:]] == [
        "deduplicate",
        "augment",
        "curriculum",
        "hold_out",
    ]


def test_tokens_are_counted_with_the_jobs_own_tokenizer() -> None:
    load, mapping, hold_out = recipe().data
    tokens = Tokens(tokenizer="foreign", max_tokens=64)
    foreign = finding(1, replaced(recipe(), data=(load, mapping, tokens, hold_out)))

    made = propose(request([foreign], parent=1)).recipe

    assert [one.tokenizer for one in made.data if isinstance(one, Tokens)] == [made.base_model]


def test_rows_of_other_files_are_not_mixed_into_a_proposal() -> None:
    load, mapping, hold_out = recipe().data
    mix = Mix(sources=(Source(data=(load, mapping)),))
    foreign = finding(1, replaced(recipe(), data=(load, mapping, mix, hold_out)))

    assert mix not in propose(request([foreign], parent=1)).recipe.data

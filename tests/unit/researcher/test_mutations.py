import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import pytest

from services.researcher.factors import value_of
from services.researcher.mutations import mutations
from services.researcher.prior import factors
from shared.contracts.proposal import Finding
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained
from tests.unit.researcher.researcher_examples import (
    BRIEF,
    CONTEXT,
    DIVERGED,
    finding,
    lesson,
    recipe,
    request,
    trained,
)

DRAWS = 200


def drawn(findings: Sequence[Finding], parent: Finding) -> list[Recipe]:
    asked = request(findings, parent=parent.experiment)
    endless = mutations(asked, parent, random.Random(0))
    return [made.recipe for made in islice(endless, DRAWS)]


def ways(findings: Sequence[Finding], parent: Finding) -> Counter[str]:
    """Count the steps of `DRAWS` mutations, for example ``learning_rate up``."""
    counted: Counter[str] = Counter()
    for made in drawn(findings, parent):
        for name, factor in factors(BRIEF, CONTEXT).items():
            old, new = value_of(parent.recipe, name), value_of(made, name)
            if old is None or new is None or old == new:
                continue
            if name == "learning_rate" and made.adapter.kind != parent.recipe.adapter.kind:
                continue  # it came with the adapter
            if factor.scale == "choice":
                counted[f"{name} {new}"] += 1
            else:
                counted[f"{name} {'up' if float(new) > float(old) else 'down'}"] += 1
    return counted


def test_one_or_two_factors_are_changed_and_never_none() -> None:
    parent = finding(1, recipe())
    names = factors(BRIEF, CONTEXT)

    changed = Counter(
        sum(value_of(made, n) != value_of(parent.recipe, n) for n in names if n not in _LORA_ONLY)
        + sum(value_of(made, n) not in (None, value_of(parent.recipe, n)) for n in _LORA_ONLY)
        for made in drawn([parent], parent)
    )

    assert set(changed) == {1, 2}
    assert changed[1] > changed[2]


_LORA_ONLY = ("r", "lora_dropout")


def test_underfitting_leads_to_more_training() -> None:
    parent = finding(1, recipe(), taught=lesson(fit="underfitting"))

    seen = ways([parent], parent)

    assert seen["num_train_epochs up"] > 5 * seen["num_train_epochs down"]
    assert seen["learning_rate up"] > 5 * seen["learning_rate down"]


def test_overfitting_leads_to_less_training_and_more_restraint() -> None:
    parent = finding(1, recipe(num_train_epochs=8), taught=lesson(fit="overfitting"))
    healthy = finding(1, recipe(num_train_epochs=8))

    seen, usual = ways([parent], parent), ways([healthy], healthy)

    assert seen["num_train_epochs down"] > 5 * seen["num_train_epochs up"]
    assert seen["learning_rate down"] > 3 * seen["learning_rate up"]
    assert seen["lora_dropout up"] > usual["lora_dropout up"]


def test_time_running_out_leads_to_fewer_epochs_or_larger_batches() -> None:
    parent = finding(1, recipe(num_train_epochs=8), outcome=trained(stopped="time"))

    seen = ways([parent], parent)

    assert seen["num_train_epochs down"] > 5 * seen["num_train_epochs up"]
    assert seen["batch_size up"] > 3 * seen["batch_size down"]


@pytest.mark.parametrize(
    "outcome",
    [
        Failed(error="Diverged", detail="nothing came of it"),
        Failed(error="ScoringFailed", detail="nothing came of it"),
        trained(stopped="diverged", kept_step=100),
    ],
)
def test_a_rate_that_broke_down_is_never_proposed_again_for_that_adapter(
    outcome: Failed | Trained,
) -> None:
    parent = finding(1, recipe(learning_rate=2e-4))
    broken = finding(2, recipe(learning_rate=1e-3), value=None, outcome=outcome)

    rates = [
        made.method.learning_rate
        for made in drawn([parent, broken], parent)
        if made.adapter.kind == "lora"
    ]

    assert max(rates) <= 0.5e-3
    assert sum(rate < 2e-4 for rate in rates) > 3 * sum(rate > 2e-4 for rate in rates)


def test_a_rate_that_diverged_limits_only_its_own_kind_of_adapter() -> None:
    parent = finding(1, recipe(learning_rate=2e-4))
    broken = finding(2, recipe(adapter="full", learning_rate=1e-4), value=None, outcome=DIVERGED)

    seen = ways([parent, broken], parent)

    assert seen["learning_rate up"] > 10


def test_a_draft_worse_than_the_base_model_leads_to_smaller_rates() -> None:
    parent = finding(1, recipe(), 0.05, taught=lesson("worse", effect=-0.05))

    seen = ways([parent], parent)

    assert seen["learning_rate down"] > 5 * seen["learning_rate up"]


def test_epochs_are_whole() -> None:
    parent = finding(1, recipe())

    epochs = {made.method.num_train_epochs for made in drawn([parent], parent)}

    assert len(epochs) > 3
    assert all(number == round(number) for number in epochs)


def test_a_step_that_helped_is_continued() -> None:
    start = finding(1, recipe(learning_rate=2e-4))
    better = finding(
        2, recipe(learning_rate=5e-4), 0.6, parent=1, taught=lesson("better", effect=0.1)
    )

    seen = ways([start, better], better)

    assert seen["learning_rate up"] > 3 * seen["learning_rate down"]


def test_a_step_of_the_rate_says_nothing_about_another_kind_of_adapter() -> None:
    here = finding(1, recipe())
    start = finding(2, recipe(adapter="full", learning_rate=1e-4))
    worse = finding(
        3,
        recipe(adapter="full", learning_rate=2e-4),
        0.4,
        parent=2,
        taught=lesson("worse", effect=-0.1),
    )

    alone, beside = ways([here], here), ways([here, start, worse], here)

    assert beside["learning_rate up"] / alone["learning_rate up"] > 0.7


def test_a_step_that_hurt_is_reversed() -> None:
    start = finding(1, recipe(learning_rate=2e-4))
    worse = finding(
        2, recipe(learning_rate=5e-4), 0.4, parent=1, taught=lesson("worse", effect=-0.1)
    )

    seen = ways([start, worse], start)

    assert seen["learning_rate down"] > 3 * seen["learning_rate up"]


def test_between_a_value_and_a_worse_one_the_middle_is_tried() -> None:
    start = finding(1, recipe(learning_rate=2e-4))
    worse = finding(2, recipe(learning_rate=8e-4), 0.4, parent=1, taught=lesson("worse"))

    rates = {made.method.learning_rate for made in drawn([start, worse], start)}

    raised = [rate for rate in rates if 2e-4 < rate < 8e-4]
    assert raised
    assert 3e-4 < sum(raised) / len(raised) < 6e-4


def test_a_step_under_way_is_rarely_taken_a_second_time() -> None:
    start = finding(1, recipe())
    under_way = finding(2, recipe(adapter="full"), value=None, parent=1)

    alone, beside = ways([start], start), ways([start, under_way], start)

    assert 0 < beside["adapter full"] < alone["adapter full"]


def test_what_the_best_experiment_elsewhere_uses_is_taken_over() -> None:
    parent = finding(1, recipe(), 0.4)
    best = finding(2, recipe(num_train_epochs=13), 0.9)

    epochs = Counter(made.method.num_train_epochs for made in drawn([parent, best], parent))

    assert epochs[13] > DRAWS / 20


def test_a_rate_is_not_taken_over_from_another_kind_of_adapter() -> None:
    parent = finding(1, recipe(learning_rate=2e-4), 0.4)
    best = finding(2, recipe(adapter="full", learning_rate=3e-5), 0.9)

    made = [one for one in drawn([parent, best], parent) if one.adapter.kind == "lora"]

    assert all(one.method.learning_rate > 3e-5 for one in made)


def test_another_adapter_comes_with_its_own_learning_rate() -> None:
    parent = finding(1, recipe(learning_rate=4e-4))

    rates = {
        made.method.learning_rate for made in drawn([parent], parent) if made.adapter.kind == "full"
    }

    assert rates == {3e-5}  # twice the usual rate of full tuning, as the parent's was of LoRA's


def test_the_best_rate_seen_with_the_other_adapter_is_preferred() -> None:
    parent = finding(1, recipe(), 0.5)
    full = finding(2, recipe(adapter="full", learning_rate=7e-5), 0.4)

    rates = {
        made.method.learning_rate
        for made in drawn([parent, full], parent)
        if made.adapter.kind == "full"
    }

    assert rates == {7e-5}


def test_a_full_parent_is_never_given_what_only_adapters_have() -> None:
    parent = finding(1, recipe(adapter="full", learning_rate=1.5e-5))

    kinds = {made.adapter.kind for made in drawn([parent], parent)}

    assert kinds == {"full", "lora"}

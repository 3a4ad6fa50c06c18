from dataclasses import replace

import pytest

from services.researcher.factors import value_of
from services.researcher.llm.proposing.place import place_of
from services.researcher.llm.proposing.realising import most_promising
from services.researcher.llm.proposing.whitelist import Knob
from services.researcher.prior import factors
from shared.contracts.proposal import Finding
from shared.contracts.recipe import Recipe
from tests.unit.researcher.llm.idea_examples import asked, idea, knob, proposed, turned
from tests.unit.researcher.researcher_examples import (
    BRIEF,
    CONTEXT,
    DIVERGED,
    finding,
    lesson,
    recipe,
    request,
)

NAMES = list(Knob.model_json_schema()["properties"]["name"]["enum"])


def made(idea: dict[str, object], *findings: Finding, **rest: object) -> Recipe:
    return proposed(asked(findings, **rest), [idea]).proposals[0].recipe  # type: ignore[arg-type]


def wrong(idea: dict[str, object], *findings: Finding) -> str:
    done = proposed(asked(findings), [idea], [idea], [idea])
    assert not done.proposals
    return done.dropped[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_knob_goes_the_way_it_is_turned_and_nothing_else_changes(
    name: str, direction: str
) -> None:
    middle = recipe(
        num_train_epochs=4.0, batch_size=32, warmup_steps=0.1, lora_dropout=0.05, sample=0.5
    )
    before, after = middle, made(turned(name, direction=direction), finding(1, middle))

    changed = {one for one in NAMES if value_of(before, one) != value_of(after, one)}
    assert changed == {name}
    old, new = value_of(before, name), value_of(after, name)
    assert old is not None
    assert new is not None
    assert (float(new) > float(old)) == (direction == "up")
    low, *_, high = factors(BRIEF, CONTEXT)[name].values
    assert float(low) <= float(new) <= float(high)


def test_how_far_a_knob_goes_is_drawn_anew_for_each_experiment() -> None:
    first = made(turned("learning_rate"), finding(1, recipe()))
    later = request([finding(1, recipe())], parent=1, number=5)

    assert made(turned("learning_rate"), finding(1, recipe())) == first
    assert proposed(later, [turned("learning_rate")]).proposals[0].recipe != first


def test_a_knob_at_the_end_of_its_range_goes_no_further() -> None:
    said = wrong(turned("sample", direction="up"))

    assert said == (
        "sample: it cannot go up from 1.0, which is as far as it goes; turn it the other way or "
        "turn another"
    )


def test_a_number_that_the_recipe_has_not_is_not_turned() -> None:
    assert "no such number" in wrong(turned("r"), finding(1, recipe(adapter="full")))


def test_a_knob_is_turned_once() -> None:
    twice = idea(knobs=[knob("r", "up"), knob("r", "down")])

    assert "wanted each once" in wrong(twice)


def test_the_learning_rate_does_not_go_up_to_where_runs_broke_down() -> None:
    broken = finding(2, recipe(learning_rate=4e-4), value=None, outcome=DIVERGED, parent=1)
    here = finding(1, recipe())

    assert "runs broke down from 0.0004" in wrong(turned("learning_rate"), here, broken)


def test_a_change_beside_stays_below_the_rate_that_broke_down() -> None:
    here = finding(1, recipe(learning_rate=3e-4))
    broken = finding(2, recipe(learning_rate=4e-4), value=None, outcome=DIVERGED)

    after = made(idea({"kind": "adapter", "to": "full"}, knobs=[knob("batch_size")]), here, broken)
    beside = made(turned("batch_size"), here, broken)
    without = made(idea({"kind": "curriculum"}), here, broken)

    assert without.method.learning_rate == pytest.approx(2e-4)
    assert beside.method.learning_rate == pytest.approx(2e-4)
    assert after.method.learning_rate == pytest.approx(2.2e-5)  # another kind breaks down elsewhere


def test_the_scores_so_far_choose_how_far_a_knob_goes() -> None:
    scored = [
        finding(1, recipe(learning_rate=1e-4), value=0.5),
        finding(2, recipe(learning_rate=2e-3), value=0.1),
        finding(3, recipe(learning_rate=3e-4), value=0.7),
    ]
    place = place_of(request(scored, parent=1), scored[0])
    far, near = recipe(learning_rate=1.5e-3), recipe(learning_rate=4e-4)

    assert most_promising([far, near], place) == near
    assert most_promising([far, near], replace(place, request=request(scored[:1]))) == far


def test_a_step_that_was_too_far_is_halved() -> None:
    here = finding(1, recipe(learning_rate=1e-4))
    far = finding(
        2,
        recipe(learning_rate=1e-3, r=32),
        value=0.3,
        parent=1,
        taught=lesson("worse", effect=-0.2),
    )

    rate = made(turned("learning_rate"), here, far).method.learning_rate

    assert 1e-4 < rate < 1e-3


def test_a_fresh_start_turns_the_numbers_of_the_usual_recipe() -> None:
    draft = proposed(request(), [turned("num_train_epochs")]).proposals[0]

    assert draft.recipe.method.num_train_epochs > recipe().method.num_train_epochs
    assert draft.changed[0] == "adapter lora"

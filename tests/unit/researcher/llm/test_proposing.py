from pathlib import Path
from typing import Any

import pytest

from services.researcher.costs import predicted_s
from services.researcher.llm.adviser import ModelAway, ModelUseless
from services.researcher.llm.proposing.propose import propose
from shared.contracts.proposal import Gain, ProposeRequest
from shared.errors import Rejected
from tests.support.advising import ScriptedAdviser
from tests.unit.researcher.llm.idea_examples import (
    COURSE,
    answering,
    asked,
    idea,
    on_rows,
    told,
    turned,
)
from tests.unit.researcher.researcher_examples import brief, finding, recipe, request, trained

LINEAR = idea({"kind": "lr_scheduler_type", "to": "linear"})


class _Leaving(ScriptedAdviser):
    """Goes away when it has nothing left to say."""

    def _next(self, shape: Any) -> object:
        try:
            return super()._next(shape)
        except ModelUseless:
            raise ModelAway("wanted an answer, found nobody; start the server") from None


def leaving(*answers: Any) -> ScriptedAdviser:
    return _Leaving({"Course": [COURSE], "Ideas": [{"ideas": answer} for answer in answers]})


def test_an_idea_becomes_a_proposal_with_its_reasons_and_our_own_cost() -> None:
    run = trained(steps=100, gpu_seconds=160.0)
    wanted = asked([finding(1, recipe(), value=0.4, outcome=run)])

    done = propose(wanted, (), answering([LINEAR]), tell=told).proposals[0]

    assert done.recipe == recipe(lr_scheduler_type="linear")
    assert done.changed == ("lr_scheduler_type cosine → linear",)
    assert (done.proposer, done.direction) == ("llm", "hyperparameters")
    assert (done.hypothesis, done.falsifier) == ("it still learns", "the held-out loss rises")
    assert done.gain == Gain(low=-0.01, mean=0.02, high=0.05)
    assert done.predicted_s == predicted_s(done.recipe, wanted)
    assert done.expects == (
        "lr_scheduler_type cosine → linear should add +0.020 (-0.010 to +0.050) to the 0.400 of "
        "#1: it still learns"
    )


def test_first_the_direction_is_asked_for_and_then_ideas_in_that_direction() -> None:
    adviser = answering([LINEAR])

    propose(asked(), (), adviser, tell=told)

    course, ideas = adviser.asked
    assert course.told == (
        "## The job\n\nAnswer.\n\n## Wanted\n\nThe direction of the next 1 experiment below #1."
    )
    assert "in the direction **hyperparameters**" in ideas.told
    assert "[untrusted " in ideas.told
    assert "#1 still learns" in ideas.told
    assert "- adapter: lora, full; now lora" in ideas.told
    assert "- method: sft, dft, grpo; now sft" in ideas.told
    assert "learning_rate (0.0002)" in ideas.told


def test_what_is_told_fits_the_room_there_is() -> None:
    adviser = answering([LINEAR], room=500)

    def all_of_it(*_: Any, room: int, count: Any) -> str:
        return "x" * (4 * room)

    propose(asked(), (), adviser, tell=all_of_it)

    assert max(adviser.count(one.told) for one in adviser.asked) <= 500


def test_what_the_model_says_is_cut_to_one_printable_line() -> None:
    loud = LINEAR | {"hypothesis": "a\x1b[31m\nb " + "x" * 999, "falsifier": "c\r\nd"}

    done = propose(asked(), (), answering([loud]), tell=told).proposals[0]

    assert done.hypothesis is not None
    assert done.hypothesis.startswith("a [31m b xxx")
    assert len(done.hypothesis) == 300
    assert done.falsifier == "c d"
    assert done.expects.isprintable()


def test_what_is_expected_is_put_in_order() -> None:
    odd = LINEAR | {"gain_low": 0.3, "gain_mean": -0.1, "gain_high": 0.2}

    done = propose(asked(), (), answering([odd]), tell=told).proposals[0]

    assert done.gain == Gain(low=-0.1, mean=0.2, high=0.3)


def test_more_ideas_than_were_asked_for_are_left_alone() -> None:
    done = propose(asked(), (), answering([LINEAR, turned("r"), idea()]), tell=told)

    assert len(done.proposals) == 1
    assert not done.dropped


def test_fewer_ideas_than_were_asked_for_are_taken() -> None:
    adviser = answering([LINEAR])

    assert len(propose(asked(many=3), (), adviser, tell=told).proposals) == 1
    assert len(adviser.asked) == 2


def test_a_proposal_counts_as_under_way_for_the_next() -> None:
    constant = {"kind": "lr_scheduler_type", "to": "constant_with_warmup"}
    roundabout = idea(constant, *LINEAR["changes"])

    done = propose(asked(many=2), (), answering([LINEAR, roundabout], [turned("r")]), tell=told)
    alone = propose(asked(many=2), (), answering(*[[LINEAR, roundabout]] * 3), tell=told)

    assert done.proposals[1].recipe.method == recipe().method
    assert alone.dropped == ("#2 did that: not scored yet; try something else",)


def test_below_the_base_model_an_idea_changes_the_usual_recipe() -> None:
    first = propose(request(), (), answering([idea()]), tell=told).proposals[0]

    assert first.recipe == recipe()
    assert first.changed[0] == "adapter lora"
    assert "to the base model's 0.100" in first.expects


def test_what_was_right_is_kept_when_the_model_goes_away_in_the_middle() -> None:
    done = propose(asked(many=2), (), leaving([LINEAR, idea()]), tell=told)

    assert [one.changed for one in done.proposals] == [("lr_scheduler_type cosine → linear",)]
    assert len(done.dropped) == 1


def test_without_anything_of_use_the_caller_hears_why() -> None:
    with pytest.raises(ModelAway):
        propose(asked(), (), leaving(), tell=told)
    with pytest.raises(ModelAway):
        propose(asked(), (), leaving([idea()]), tell=told)
    with pytest.raises(ModelUseless):
        propose(asked(), (), answering(), tell=told)


def test_an_answer_in_which_all_is_wrong_is_counted() -> None:
    done = propose(asked(), (), answering([idea()]), tell=told)

    assert not done.proposals
    assert len(done.dropped) == 1


def test_a_parent_that_was_not_sent_is_a_bad_request() -> None:
    with pytest.raises(Rejected, match="wanted its parent 7 among the 1 findings"):
        propose(asked(parent=7), (), answering([LINEAR]), tell=told)


def test_a_model_is_shown_the_columns_and_both_ends_of_a_few_rows(tmp_path: Path) -> None:
    rows = [
        {"question": f"{number}?", "answer": f"so{'.' * 999}#### {number}", "level": "easy"}
        for number in range(5)
    ]
    adviser = answering([LINEAR])

    propose(asked(**on_rows(tmp_path, *rows)), (), adviser, tell=told)

    said = adviser.asked[1].told
    assert ": columns of the training rows, for where]\nquestion, answer, level\n[end" in said
    assert ": columns to cut with extract]\nquestion, answer\n[end" in said
    shown = f'"answer": "so{"." * 78}…{"." * 74}#### 2", "level": "easy"}}\n[end'
    assert f'{{"question": "2?", {shown}' in said


def test_what_a_place_does_not_allow_is_said_before_it_is_tried() -> None:
    def allowed(wanted: ProposeRequest) -> str:
        adviser = answering([LINEAR])
        propose(wanted, (), adviser, tell=told)
        return adviser.asked[1].told

    bare = allowed(asked(brief=brief(duplicate_share=0.0)))
    assert "- not continues" in bare
    assert "- not balance" in bare
    assert "- not deduplicate" in bare
    assert "- not" not in allowed(asked([finding(1, recipe())], brief=brief(labels=3)))

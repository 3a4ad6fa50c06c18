"""What jobs teach a researcher, from ledgers and calls to a file that `trex init` takes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.counsel import Call, Message
from shared.contracts.events import Event, JobSubmitted, WorkEnded, WorkOrdered
from shared.contracts.lesson import Lesson
from shared.contracts.proposal import Proposals
from shared.contracts.run import NOBODYS_FAULT, Failed
from tests.suites.notebook import CALL
from tests.support.examples import (
    DIAGNOSE_REQUEST,
    JOB,
    LESSON,
    PROPOSE_REQUEST,
    SPEC,
    proposal,
    score,
)
from trex.traces import Trace, completions, preferences, traces

SYSTEM = Message(role="system", text="You design experiments.")
CONTEXT = Message(role="user", text="A job about dates.")


def idea(hypothesis: str, **rest: Any) -> dict[str, Any]:
    return {"hypothesis": hypothesis, "knobs": [], **rest}


def reply(*ideas: dict[str, Any]) -> str:
    return json.dumps({"ideas": list(ideas)})


def asked(said: str, *, repairs: Sequence[Message] = (), **changes: Any) -> Call:
    return CALL.model_copy(
        update={"asked": (SYSTEM, CONTEXT, *repairs), "reply": said, "fault": None, **changes}
    )


def ledger(*hypotheses: str | None, lessons: Sequence[Lesson | None]) -> list[Event]:
    """A job with one answer of several ideas, and what each of them taught."""
    numbers = tuple(ExperimentId(place) for place in range(1, len(hypotheses) + 1))
    request = PROPOSE_REQUEST.model_copy(
        update={"experiments": numbers, "parent": ROOT, "findings": ()}
    )
    proposals = [
        proposal(1e-3 * number).model_copy(
            update={"proposer": "llm" if said else "rules", "hypothesis": said}
        )
        for number, said in zip(numbers, hypotheses, strict=True)
    ]
    work = WorkId("propose-1")
    events: list[Event] = [
        JobSubmitted(job_id=JOB, spec=SPEC),
        WorkOrdered(work_id=work, request=request, why="a fresh start"),
        WorkEnded(work_id=work, attempt=1, result=Proposals(proposals=tuple(proposals))),
    ]
    for number, lesson in zip(numbers, lessons, strict=True):
        if lesson is not None:
            events += diagnosed(number, lesson)
    return events


def diagnosed(number: int, lesson: Lesson) -> list[Event]:
    failed = lesson.verdict == "failed"
    measured = {"experiment": number, "score": None if failed else score(0.1 * number)}
    return [
        WorkOrdered(
            work_id=WorkId(f"diagnose-{number}"),
            request=DIAGNOSE_REQUEST.model_copy(update=measured),
            why="it is over",
        ),
        WorkEnded(work_id=WorkId(f"diagnose-{number}"), attempt=1, result=lesson),
    ]


def lesson(effect: float | None, verdict: str = "same") -> Lesson:
    changes = {"effect": effect, "verdict": verdict if effect is not None else "failed"}
    return LESSON.model_copy(update=changes)


def told(events: Sequence[Event], *calls: Call) -> list[Trace]:
    return traces(events, lambda _: calls)


def test_a_row_holds_what_was_asked_the_idea_alone_and_what_came_of_it() -> None:
    events = ledger("more data", "a higher rate", lessons=[lesson(0.1, "better"), lesson(-0.2)])
    call = asked(reply(idea("more data"), idea("a higher rate", knobs=["up"])))

    first, second = completions(told(events, call))

    assert first == {
        "prompt": [
            {"role": "system", "content": "You design experiments."},
            {"role": "user", "content": "A job about dates."},
        ],
        "completion": [{"role": "assistant", "content": reply(idea("more data"))}],
        "job_id": JOB,
        "experiment": 1,
        "base_model": "base",
        "verdict": "better",
        "effect": 0.1,
        "effect_stderr": 0.02,
        "reward": 0.1,
    }
    assert json.loads(second["completion"][0]["content"]) == {
        "ideas": [idea("a higher rate", knobs=["up"])]
    }
    assert (second["effect"], second["reward"]) == (-0.2, 0.2)


def test_an_idea_that_failed_is_told_without_effect_and_reward() -> None:
    [row] = completions(told(ledger("a", lessons=[lesson(None)]), asked(reply(idea("a")))))

    assert (row["verdict"], row["effect"], row["reward"]) == ("failed", None, 0.0)


def test_what_rules_proposed_or_nobody_measured_is_left_out() -> None:
    call = asked(reply(idea("None"), idea("b")))

    assert told(ledger(None, "b", lessons=[lesson(0.1), None]), call) == []


@pytest.mark.parametrize("error", NOBODYS_FAULT)
def test_a_run_lost_with_its_machine_says_nothing_about_its_idea(error: str) -> None:
    order, ended = diagnosed(1, lesson(None))
    assert isinstance(order, WorkOrdered)
    outcome = Failed(error=error, detail="fell silent")
    request = order.request.model_copy(update={"outcome": outcome})
    lost = {"work_id": WorkId("diagnose-1-2")}
    later = [
        order.model_copy(update={**lost, "request": request}),
        ended.model_copy(update=lost),
    ]
    call = asked(reply(idea("a")))

    assert told([*ledger("a", lessons=[None]), *later], call) == []
    [measured] = told([*ledger("a", lessons=[lesson(0.1)]), *later], call)
    assert measured.lesson.effect == 0.1


def test_a_run_without_a_score_that_did_not_fail_is_left_out() -> None:
    events = ledger("a", lessons=[None])
    *_, order, ended = diagnosed(1, lesson(None))
    assert isinstance(ended, WorkEnded)
    same = ended.model_copy(update={"result": LESSON.model_copy(update={"effect": None})})

    assert told([*events, order, same], asked(reply(idea("a")))) == []


def test_a_reply_that_was_not_used_is_left_out() -> None:
    events = ledger("used", lessons=[lesson(0.1)])
    useless = asked("no JSON {", fault="no JSON")
    other = asked(reply(idea("never tried")), fault="it repeats #2")
    course = asked(reply(idea("used")), prompt="direction 1 0123456789ab")

    assert told(events, useless, other, course) == []


def test_a_repair_is_no_part_of_the_question() -> None:
    wrong = Message(role="assistant", text="fast")
    repair = Message(role="user", text="that is no JSON")
    calls = [
        asked("fast", fault="no JSON"),
        asked(f"Sure! {reply(idea('a'))} Good luck.", repairs=(wrong, repair)),
    ]

    [found] = told(ledger("a", lessons=[lesson(0.1)]), *calls)

    assert found.asked == (SYSTEM, CONTEXT)


def test_an_idea_is_known_again_though_it_was_put_on_one_line() -> None:
    call = asked(reply(idea("The  rate\nis too\u200b low.")))

    assert len(told(ledger("The rate is too low.", lessons=[lesson(0.1)]), call)) == 1


def test_of_two_ideas_to_one_question_the_clearly_better_one_is_preferred() -> None:
    events = ledger("a", "b", "c", lessons=[lesson(-0.1), lesson(0.1, "better"), lesson(0.12)])
    call = asked(reply(idea("a"), idea("b"), idea("c")))

    rows = preferences(told(events, call))

    assert [row["experiments"] for row in rows] == [[2, 1], [3, 1]]
    assert rows[0]["chosen"] == [{"role": "assistant", "content": reply(idea("b"))}]
    assert rows[0]["rejected"] == [{"role": "assistant", "content": reply(idea("a"))}]
    assert rows[0]["effects"] == [0.1, -0.1]


def test_an_idea_that_failed_is_worse_than_one_that_did_no_harm() -> None:
    events = ledger("a", "b", "c", lessons=[lesson(None), lesson(0.0), lesson(-0.3, "worse")])
    call = asked(reply(idea("a"), idea("b"), idea("c")))

    assert [row["experiments"] for row in preferences(told(events, call))] == [[2, 1], [2, 3]]


def test_ideas_to_different_questions_are_not_compared() -> None:
    events = ledger("a", "b", lessons=[lesson(-0.1), lesson(0.1)])
    found = told(events, asked(reply(idea("a"), idea("b"))))
    elsewhere = [found[0], *told(events, asked(reply(idea("b")), asked=(SYSTEM,)))]

    assert len(preferences(found)) == 1
    assert preferences(elsewhere) == []

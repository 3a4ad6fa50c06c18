"""Ledgers that were tampered with. Each begins as an evaluator left it, with a real key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.evaluator.key import signing_key
from shared.chain import START, digest_of
from shared.contracts.base import WorkId
from shared.contracts.events import Event, WorkEnded, WorkOrdered
from shared.contracts.run import Failed
from shared.contracts.score import Score
from tests.support.examples import score
from tests.support.sealed import LAST, asking, chain_in, ledger
from trex.verify import verify

Tamper = Callable[[list[Event]], list[Event]]


def score_in(events: list[Event], number: int) -> Score:
    (found,) = (
        e.result
        for e in events
        if isinstance(e, WorkEnded) and e.work_id == f"score-{number}" and e.result.kind == "score"
    )
    return found


def with_result(number: int, changed: Callable[[Score], Score]) -> Tamper:
    def tamper(events: list[Event]) -> list[Event]:
        return [
            e.model_copy(update={"result": changed(e.result)})
            if isinstance(e, WorkEnded)
            and e.work_id == f"score-{number}"
            and isinstance(e.result, Score)
            else e
            for e in events
        ]

    return tamper


def with_order(number: int, **changed: object) -> Tamper:
    def tamper(events: list[Event]) -> list[Event]:
        return [
            e.model_copy(update={"request": e.request.model_copy(update=changed)})
            if isinstance(e, WorkOrdered) and e.work_id == f"score-{number}"
            else e
            for e in events
        ]

    return tamper


def without(*kinds: type[WorkOrdered | WorkEnded]) -> Tamper:
    def tamper(events: list[Event]) -> list[Event]:
        return [
            e
            for e in events
            if not (isinstance(e, WorkOrdered | WorkEnded) and e.work_id == "score-1")
            or not isinstance(e, kinds)
        ]

    return tamper


def to(score: Score) -> Callable[[Score], Score]:
    return lambda _: score


def swapped(events: list[Event]) -> list[Event]:
    first, second = score_in(events, 1), score_in(events, 2)
    return with_result(2, to(first))(with_result(1, to(second))(events))


def told_twice(events: list[Event]) -> list[Event]:
    better = score_in(events, 2)
    first = WorkEnded(work_id=WorkId("score-1"), attempt=1, result=better)
    return [*events[:4], first, *events[4:]]


CHANGED = "score-1: its score, or what was asked for, was changed after it was sealed"


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (with_result(1, lambda s: s.model_copy(update={"value": 0.9})), CHANGED),
        (with_result(1, lambda s: s.model_copy(update={"items": s.items[::-1]})), CHANGED),
        (with_result(1, lambda s: s.model_copy(update={"engine": "another"})), CHANGED),
        (with_order(1, checkpoint="another"), CHANGED),
        (with_order(1, split="confirm"), CHANGED),
        (swapped, CHANGED),
        (with_result(1, lambda s: s.model_copy(update={"seal": None})), "without a seal"),
        (without(WorkEnded), "score-1: ended 0 times"),
        (without(WorkOrdered), "score-1: was ordered 0 times"),
        (without(WorkOrdered, WorkEnded), "1 of 4 scores are missing, and only 0 pieces"),
        (told_twice, "score-1: ended 2 times"),
    ],
)
def test_what_was_changed_is_found(tmp_path: Path, tamper: Tamper, fault: str) -> None:
    events = tamper(ledger(tmp_path))

    assert any(fault in said for said in verify(events).faults)


def test_a_ledger_as_it_was_left_is_unbroken(tmp_path: Path) -> None:
    events = ledger(tmp_path)

    found = verify(events, signing_key(tmp_path).public)

    assert found.faults == ()
    assert found.sentence.startswith(f"{LAST + 1} scores, unbroken, signed by ")


def test_the_last_score_is_missed_by_whoever_knows_how_many_there_were(tmp_path: Path) -> None:
    *events, _, _, ended = ledger(tmp_path)

    found = verify([*events, ended], sealed=len(chain_in(tmp_path).told()))

    assert found.faults == ("1 of 4 scores are missing, and only 0 pieces of work have none",)


def recomputed(vault: Path) -> Tamper:
    """Raise a score and seal everything anew, with the key of another vault."""
    key = signing_key(vault)

    def tamper(events: list[Event]) -> list[Event]:
        previous = START
        for number in range(LAST + 1):
            raised = score_in(events, number).model_copy(update={"value": 0.9})
            assert raised.seal is not None
            digest = digest_of(raised.seal.number, previous, asking(number), raised)
            seal = raised.seal.model_copy(
                update={
                    "previous": previous,
                    "digest": digest,
                    "key": key.public,
                    "signature": key.sign(bytes.fromhex(digest)),
                }
            )
            sealed = raised.model_copy(update={"seal": seal})
            events = with_result(number, to(sealed))(events)
            previous = digest
        return events

    return tamper


def test_a_chain_made_anew_with_another_key_is_found(tmp_path: Path) -> None:
    events = recomputed(tmp_path / "theirs")(ledger(tmp_path / "ours"))

    found = verify(events, signing_key(tmp_path / "ours").public)

    assert len(found.faults) == LAST + 1
    assert all("is not signed with the evaluator's key" in fault for fault in found.faults)


def test_a_chain_made_anew_without_any_key_is_found_by_whoever_knows_none(tmp_path: Path) -> None:
    ours = signing_key(tmp_path / "ours").public
    events = recomputed(tmp_path / "theirs")(ledger(tmp_path / "ours"))
    for number in range(LAST + 1):
        forged = score_in(events, number)
        assert forged.seal is not None
        claimed = forged.seal.model_copy(update={"key": ours})
        events = with_result(number, to(forged.model_copy(update={"seal": claimed})))(events)

    assert len(verify(events).faults) == LAST + 1


def test_a_score_that_was_sealed_for_cancelled_work_leaves_a_gap_that_is_said(
    tmp_path: Path,
) -> None:
    cancelled = Failed(error="Cancelled", detail="cancelled while a worker had it")
    events = [
        e.model_copy(update={"result": cancelled})
        if isinstance(e, WorkEnded) and e.work_id == "score-1"
        else e
        for e in ledger(tmp_path)
    ]

    found = verify(events)

    assert found.faults == ()
    assert found.sentence.startswith("3 scores, 1 more that were not told, unbroken")


def test_two_scores_with_the_same_number_are_found(tmp_path: Path) -> None:
    events = ledger(tmp_path / "vault")
    other = chain_in(tmp_path / "other")  # another record of the same job
    again = other.add(WorkId("score-9"), asking(9), score(0.9), lambda *_: None)
    extra: list[Event] = [
        WorkOrdered(work_id=WorkId("score-9"), request=asking(9), why="because"),
        WorkEnded(work_id=WorkId("score-9"), attempt=1, result=again),
    ]

    assert "two scores have number 1" in verify([*events[:-1], *extra, events[-1]]).faults


def test_a_job_without_a_score_has_nothing_to_verify(tmp_path: Path) -> None:
    assert verify(ledger(tmp_path)[:1]).sentence == "no score to verify yet"

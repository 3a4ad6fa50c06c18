from benchmarks.two_executors import Finished, added_up, table
from shared.contracts.base import WorkId
from shared.contracts.events import Event, WorkEnded
from shared.contracts.work import Result
from tests.support.examples import FAILED, TRAINED, score


def ended(work: str, result: Result) -> Event:
    return WorkEnded(work_id=WorkId(work), attempt=1, result=result)


def test_a_ledger_adds_up_to_what_was_trained_and_scored() -> None:
    cut = TRAINED.model_copy(update={"stopped": "time", "steps": 7, "gpu_seconds": 2.5})
    whole = cut.model_copy(update={"stopped": "done"})
    measured = score().model_copy(update={"seconds": 1.5})
    events = [
        ended("score-0", measured),
        ended("run-1", whole),
        ended("run-2", cut),
        ended("run-3", FAILED),
        ended("score-1", measured),
    ]

    found = added_up(events, executors=2, seconds=9.0, best=0.5)

    assert found == Finished(
        executors=2,
        seconds=9.0,
        experiments=2,
        training_s=5.0,
        steps=14,
        cut=1,
        scoring_s=3.0,
        best=0.5,
    )


def test_the_table_compares_the_medians() -> None:
    def took(executors: int, seconds: float) -> Finished:
        return Finished(executors, seconds, 9, 100.0, 500, 0, 10.0, 0.9)

    *_, said = table([took(1, 99.0), took(1, 100.0), took(1, 900.0), took(2, 50.0)])

    assert said.startswith("Two executors finish it 2.00 times as fast as one")

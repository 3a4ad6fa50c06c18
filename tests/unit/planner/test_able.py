import pytest

from services.planner.able import ANYTHING, Able, able
from shared.contracts.worker import Worker
from tests.support.examples import CPU, worker

GPU = CPU.model_copy(update={"device": "H100", "bf16": True})
ANY = worker("evaluator", "any")
ONE_BASE = worker("evaluator", "one base", adapters_only=True)


def test_what_executors_can_train_is_known_each_kind_once() -> None:
    said = [
        worker("executor", "one", can=GPU),
        worker("executor", "two", can=CPU),
        worker("executor", "three", can=CPU),
        worker("executor", "four"),
    ]

    assert set(able(said).machines) == {CPU, GPU}
    assert len(able(said).machines) == 2
    assert able(said) == able(said[::-1])


@pytest.mark.parametrize(
    ("living", "adapters_only"),
    [([ONE_BASE], True), ([ANY], False), ([ONE_BASE, ANY], False), ([], False)],
)
def test_adapters_alone_are_trained_where_no_evaluator_can_score_more(
    living: list[Worker], *, adapters_only: bool
) -> None:
    assert able(living) == Able(adapters_only=adapters_only)


def test_who_takes_no_work_does_not_count() -> None:
    full = [
        worker("executor", "one", can=CPU, takes_work=False),
        worker("evaluator", "two", adapters_only=True, takes_work=False),
    ]

    assert able(full) == ANYTHING

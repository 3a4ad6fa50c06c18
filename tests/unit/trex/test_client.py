from collections.abc import Iterator

import pytest

from shared.contracts.base import JobId
from shared.errors import Rejected, TrexError, Unavailable
from tests.unit.trex.canned_system import JOB, SPEC, CannedSystem, job
from trex.client import Address, TrexClient


@pytest.fixture
def system() -> Iterator[CannedSystem]:
    with CannedSystem() as system:
        yield system


@pytest.fixture
def client(system: CannedSystem) -> Iterator[TrexClient]:
    with TrexClient(system.address) as client:
        yield client


def test_a_job_arrives_as_it_was_written(system: CannedSystem, client: TrexClient) -> None:
    submitted = client.submit(SPEC, idempotency_key="k")

    assert submitted.job_id == JOB
    assert system.submitted == [SPEC]


def test_every_view_is_read(client: TrexClient) -> None:
    assert client.job(JOB).goal == SPEC.goal
    assert len(client.tree(JOB).nodes) == 4
    assert client.experiment(JOB, 1).node.experiment == 1
    assert client.report(JOB).checkpoint == "/c/run-1"
    assert client.cancel(JOB).state == "finishing"


def test_the_newest_job_is_the_one_submitted_last(system: CannedSystem, client: TrexClient) -> None:
    system.jobs = [job(submitted_at=5.0, job_id="new"), job(submitted_at=1.0, job_id="old")]

    assert client.newest().job_id == "new"


def test_without_a_job_the_newest_is_refused(system: CannedSystem, client: TrexClient) -> None:
    system.jobs = []

    with pytest.raises(Rejected, match="submit one"):
        client.newest()


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_says_what_the_system_said(
    system: CannedSystem, client: TrexClient, status: int
) -> None:
    system.refusal = (status, "the budget is zero")

    with pytest.raises(Rejected, match=r"^the budget is zero$"):
        client.jobs()


def test_a_refused_token_says_where_it_came_from(system: CannedSystem) -> None:
    address = Address(system.address.url, "wrong", origin="/home/connection.json")

    with (
        TrexClient(address) as client,
        pytest.raises(Rejected, match=r"refuses the token from /home/connection\.json"),
    ):
        client.jobs()


def test_a_system_that_waits_for_its_store_is_unavailable(
    system: CannedSystem, client: TrexClient
) -> None:
    system.refusal = (503, "redis is away")

    with pytest.raises(Unavailable, match="redis is away"):
        client.jobs()


def test_a_bug_of_the_system_is_neither_refusal_nor_absence(
    system: CannedSystem, client: TrexClient
) -> None:
    system.refusal = (500, "bug")

    with pytest.raises(TrexError, match="failed with status 500") as caught:
        client.jobs()

    assert type(caught.value) is TrexError


def test_a_port_where_nobody_listens_says_how_to_start() -> None:
    with CannedSystem() as gone:
        address = gone.address

    with TrexClient(address) as client:
        assert not client.answers()
        with pytest.raises(Unavailable, match=f"nothing answers at {address.url}.*`trex up`"):
            client.jobs()


def test_a_broken_stream_is_taken_up_after_its_last_event(
    system: CannedSystem, client: TrexClient
) -> None:
    system.break_off_after = [2]
    said: list[str] = []
    waits: list[float] = []

    found = list(client.follow(JOB, say=said.append, sleep=waits.append))

    kinds = [message.event for message in found if message.event != "progress"]
    assert kinds == ["job_submitted", "work_ordered", "work_ended", "job_ended"]
    assert system.resumed_after == [None, "2"]
    assert len(said) == len(waits) == 1


def test_a_job_that_does_not_exist_is_not_waited_for(client: TrexClient) -> None:
    with pytest.raises(Rejected, match="wanted a job, found none"):
        next(client.follow(JobId("j-2")))


def test_a_system_that_stays_away_is_given_up_in_the_end() -> None:
    with CannedSystem() as gone:
        address = gone.address
    waits: list[float] = []

    with TrexClient(address) as client, pytest.raises(Unavailable, match="nothing answers"):
        list(client.follow(JOB, sleep=waits.append, clock=lambda: sum(waits)))

    assert max(waits) == 5.0
    assert 60 < sum(waits) <= 65


def test_a_system_that_hangs_up_without_a_word_is_away(
    system: CannedSystem, client: TrexClient
) -> None:
    system.break_off_after = [-2] * 100
    waits: list[float] = []

    with pytest.raises(Unavailable, match="ended early"):
        list(client.follow(JOB, sleep=waits.append, clock=lambda: sum(waits)))

    assert 60 < sum(waits) <= 65

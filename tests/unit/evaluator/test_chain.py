"""The record of scores in the vault. Real files, a real key."""

import resource
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.evaluator.chain import Chain, Told, chain_of
from services.evaluator.key import signing_key
from shared.chain import START, digest_of, is_signed
from shared.contracts.base import JobId, WorkId
from shared.contracts.score import Score, ScoreRequest
from shared.errors import ScoringFailed
from tests.support.examples import score
from tests.support.sealed import asking, chain_in


def allow(told: Sequence[Told], request: ScoreRequest) -> None:
    pass


def add(chain: Chain, number: int, value: float = 0.5) -> Score:
    return chain.add(WorkId(f"score-{number}"), asking(number), score(value), allow)


def test_each_score_is_sealed_after_the_one_before_it(tmp_path: Path) -> None:
    chain = chain_in(tmp_path)

    first, second = (add(chain, number).seal for number in (0, 1))

    assert first is not None
    assert second is not None
    assert (first.number, first.previous) == (1, START)
    assert (second.number, second.previous) == (2, first.digest)
    assert second.digest == digest_of(2, first.digest, asking(1), score(0.5))
    assert is_signed(first)
    assert first.key == chain.key.public


def test_the_same_work_again_is_told_what_was_recorded(tmp_path: Path) -> None:
    first = add(chain_in(tmp_path), 1, value=0.5)

    again = add(chain_in(tmp_path), 1, value=0.9)

    assert again == first
    assert len(chain_in(tmp_path).told()) == 1


def test_a_line_that_a_crash_cut_in_half_was_never_told(tmp_path: Path) -> None:
    chain = chain_in(tmp_path)
    add(chain, 1)
    whole = chain.file.read_bytes()
    chain.file.write_bytes(whole + b'{"work_id": "' + b"x" * 10_000)

    anew = add(chain, 2, value=0.9)

    assert anew.seal is not None
    assert anew.seal.number == 2
    assert chain.file.read_bytes().startswith(whole)
    assert [one.score.value for one in chain.told()] == [0.5, 0.9]


def test_evaluators_that_share_a_vault_make_one_chain_with_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda number: add(chain_in(tmp_path), number), range(16)))

    seals = sorted((one.seal for one in sealed if one.seal), key=lambda seal: seal.number)
    assert [seal.number for seal in seals] == list(range(1, 17))
    links = zip(seals[1:], seals, strict=False)
    assert all(later.previous == earlier.digest for later, earlier in links)
    assert len({seal.key for seal in seals}) == 1


def test_what_is_not_allowed_is_not_recorded(tmp_path: Path) -> None:
    chain = chain_in(tmp_path)

    def refuse(told: Sequence[Told], request: ScoreRequest) -> None:
        raise ScoringFailed("one too many")

    with pytest.raises(ScoringFailed, match="one too many"):
        chain.add(WorkId("test-2"), asking(2, "test"), score(0.5), refuse)

    assert chain.told() == []


def test_records_and_key_are_for_the_user_alone(tmp_path: Path) -> None:
    add(chain_in(tmp_path / "vault"), 1)

    modes = {f.stat().st_mode & 0o777 for f in (tmp_path / "vault").rglob("*") if f.is_file()}

    assert modes == {0o600}


def test_a_job_cannot_be_named_so_that_its_record_lies_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ScoringFailed, match="wanted a job's name of letters, digits and -, found"):
        chain_of(JobId("../key"), tmp_path, signing_key(tmp_path))


def test_a_score_that_the_disk_has_no_room_for_is_not_told(tmp_path: Path) -> None:
    chain = chain_in(tmp_path)
    add(chain, 1)
    room, most = chain.file.stat().st_size + 100, resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            add(chain, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        signal.signal(signal.SIGXFSZ, handler)

    assert len(chain.told()) == 1
    sealed = add(chain, 3)
    assert sealed.seal is not None
    assert sealed.seal.number == 2


def test_a_record_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    chain = chain_in(tmp_path)
    add(chain, 1)
    with chain.file.open("a") as file:
        file.write('{"x": 1}\n')

    with pytest.raises(ScoringFailed, match="wanted the record of a job's scores, found lines"):
        chain.told()

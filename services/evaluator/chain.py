"""The record of every score a job was told, kept in the vault: a hash chain, signed."""

import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from pydantic import NonNegativeFloat, ValidationError

from services.evaluator.key import SigningKey
from shared.chain import START, digest_of
from shared.contracts.base import Contract, JobId, WorkId
from shared.contracts.score import Score, ScoreRequest, Seal
from shared.errors import ScoringFailed
from shared.vault import make_vault


class Told(Contract):
    """A score that was handed out: a line of the record."""

    work_id: WorkId
    """For which piece of work."""

    at: NonNegativeFloat
    """When: seconds since 1970, by the evaluator's clock."""

    request: ScoreRequest
    """What was asked for."""

    score: Score
    """What was answered, with its seal."""


Check = Callable[[Sequence[Told], ScoreRequest], None]
"""Raises `ScoringFailed` where a request is one too many after what was told."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The record of one job. Several evaluators may share it."""

    file: Path
    key: SigningKey

    def told(self) -> list[Told]:
        """Return what was handed out, the oldest first.

        Raises:
            ScoringFailed: the file holds something else.
        """
        with self._held() as file:
            return self._entries(file)

    def add(self, work_id: WorkId, request: ScoreRequest, score: Score, check: Check) -> Score:
        """Record a score and return it with its seal; it is on the disk before it is told.

        The same work again gets what was recorded: an evaluator that was lost between recording and
        telling leaves no gap.

        Raises:
            ScoringFailed: as ``check``: another evaluator was faster, and nothing is recorded; or
                as `told`.
            OSError: the disk is full; nothing is told.
        """
        with self._held() as file:
            before = self._entries(file)
            known = score_of(work_id, before)
            if known is not None:
                return known
            check(before, request)
            sealed = self._sealed(before, request, score)
            line = Told(work_id=work_id, at=time.time(), request=request, score=sealed)
            whole = line.model_dump_json().encode() + b"\n"
            if file.write(whole) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.file))
            os.fsync(file.fileno())
        return sealed

    def _sealed(self, before: Sequence[Told], request: ScoreRequest, score: Score) -> Score:
        last = before[-1].score.seal if before else None
        previous = last.digest if last is not None else START
        digest = digest_of(len(before) + 1, previous, request, score)
        seal = Seal(
            number=len(before) + 1,
            previous=previous,
            digest=digest,
            signature=self.key.sign(bytes.fromhex(digest)),
            key=self.key.public,
        )
        return score.model_copy(update={"seal": seal})

    def _entries(self, file: FileIO) -> list[Told]:
        """Return the whole lines and stand behind the last; half a line was told to nobody."""
        *lines, half = file.readall().split(b"\n")
        file.seek(-len(half), os.SEEK_CUR)
        file.truncate()
        try:
            return [Told.model_validate_json(line) for line in lines]
        except ValidationError:
            raise ScoringFailed(
                f"{self.file}: wanted the record of a job's scores, found lines that are none; "
                "restore it from a copy, or submit the job anew"
            ) from None

    @contextmanager
    def _held(self) -> Iterator[FileIO]:
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        with FileIO(descriptor, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def chain_of(job_id: JobId, vault: Path, key: SigningKey) -> Chain:
    """Return the record of a job in a vault.

    Raises:
        ScoringFailed: a job's name that would lead out of the vault.
    """
    if not re.fullmatch(r"\w[\w.-]*", job_id):
        raise ScoringFailed(
            f"wanted a job's name of letters, digits and -, found {job_id!r}; submit the job anew"
        )
    return Chain(make_vault(vault) / "chains" / f"{job_id}.jsonl", key)


def score_of(work_id: WorkId, told: Sequence[Told]) -> Score | None:
    """Return the score recorded for a piece of work; None when there is none yet."""
    return next((one.score for one in told if one.work_id == work_id), None)

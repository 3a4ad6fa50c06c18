"""Whether the scores in a job's ledger are those that the evaluator measured. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.chain import START, digest_of, is_signed
from shared.contracts.base import WorkId
from shared.contracts.events import Event, JobEnded, WorkEnded, WorkOrdered
from shared.contracts.score import Score, ScoreRequest, Seal
from shared.contracts.work import Result


@dataclass(frozen=True, slots=True)
class Verified:
    """What a ledger's scores were found to be."""

    scores: int
    untold: int
    """Scores that were sealed for work that then ended otherwise, or is not over."""

    key: str | None
    """What they are signed with; None of a ledger without a score."""

    faults: tuple[str, ...]
    """A sentence for each thing that is not as the evaluator left it."""

    @property
    def sentence(self) -> str:
        """What was found where nothing is at fault."""
        if self.key is None:
            return "no score to verify yet"
        beside = f", {self.untold} more that were not told" if self.untold else ""
        return f"{self.scores} scores{beside}, unbroken, signed by {self.key[:16]}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a ledger says of a piece of work that is a score."""

    requests: list[ScoreRequest] = field(default_factory=list)
    ends: list[Result] = field(default_factory=list)

    @property
    def scores(self) -> list[Score]:
        return [end for end in self.ends if isinstance(end, Score)]


def verify(events: Sequence[Event], key: str | None = None, sealed: int | None = None) -> Verified:
    """Return whether each score is what was measured for its order, and whether none is missing.

    A number may be missing where a piece of work ended without a score or is not over: it may have
    been cancelled when its score was sealed.

    Args:
        events: a job's whole ledger.
        key: public key of the evaluator, as hexadecimal digits; None takes any, if all scores have
            the same. Whoever writes the ledger can then seal it anew with a key of their own.
        sealed: how many scores the evaluator's record holds; None takes the highest number in the
            ledger, from which the last scores may have been taken out with their orders.
    """
    pieces = _pieces(events)
    over = any(isinstance(event, JobEnded) for event in events)
    told = [score for piece in pieces.values() for score in piece.scores]
    seals = sorted((one.seal for one in told if one.seal), key=lambda seal: seal.number)
    key = key or (seals[0].key if seals else None)
    faults = [
        f"{work_id}: {fault}"
        for work_id, piece in pieces.items()
        for fault in _faults(piece, key, over=over)
    ]
    last = max([sealed or 0, *(seal.number for seal in seals)])
    untold = last - len(seals)
    silent = sum(not piece.scores for piece in pieces.values())
    faults += _breaks(seals)
    if untold > silent:
        faults.append(
            f"{untold} of {last} scores are missing, and only {silent} pieces of work have none"
        )
    return Verified(len(told), max(0, untold), key, tuple(faults))


def _pieces(events: Sequence[Event]) -> dict[WorkId, _Piece]:
    pieces: dict[WorkId, _Piece] = {}
    for event in events:
        match event:
            case WorkOrdered(work_id=work_id, request=ScoreRequest() as request):
                pieces.setdefault(work_id, _Piece()).requests.append(request)
            case WorkEnded(work_id=work_id, result=result):
                if work_id in pieces or isinstance(result, Score):
                    pieces.setdefault(work_id, _Piece()).ends.append(result)
            case _:
                pass
    return pieces


def _faults(piece: _Piece, key: str | None, *, over: bool) -> Iterator[str]:
    """Yield what is wrong with a piece of work by itself."""
    if len(piece.requests) != 1:
        yield f"was ordered {len(piece.requests)} times"
    if len(piece.ends) > 1 or (over and not piece.ends):
        yield f"ended {len(piece.ends)} times"
    for score in piece.scores:
        seal = score.seal
        if seal is None:
            yield "has a score without a seal"
            continue
        asked = piece.requests[:1]
        if [seal.digest] != [digest_of(seal.number, seal.previous, one, score) for one in asked]:
            yield "its score, or what was asked for, was changed after it was sealed"
        if seal.key != key or not is_signed(seal):
            yield f"its seal is not signed with the evaluator's key {(key or '')[:16]}"


def _breaks(seals: Sequence[Seal]) -> Iterator[str]:
    """Yield where the chain does not hold, in the order of the seals' numbers."""
    known = {0: START}
    for seal in seals:
        if seal.number in known:
            yield f"two scores have number {seal.number}"
        before = known.get(seal.number - 1)
        if before is not None and seal.previous != before:
            yield f"score {seal.number} does not follow score {seal.number - 1}"
        known[seal.number] = seal.digest

"""How often a job may look at rows that it must not learn from. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.evaluator.chain import Told
from shared.contracts.base import ROOT
from shared.contracts.score import ScoreRequest
from shared.errors import ScoringFailed

LOOKS = 128
"""Scores of confirm that a job gets. A search asks for 8 finalists, or for a check of each seed
that 0.12 of its budget pays for: enough for a budget of 1000 full runs. A rounded score tells some
4 bits of the rows' answers."""


def allow(told: Sequence[Told], request: ScoreRequest) -> None:
    """Return when a job may have the score it asks for.

    Confirm is scored `LOOKS` times a job. Test is opened once: for the base model and for one
    experiment, each scored once.

    Source: Blum and Hardt, "The Ladder: A Reliable Leaderboard for Machine Learning Competitions",
    2015, arXiv 1502.04585: what rows tell is used up by every score that later choices depend on.

    Raises:
        ScoringFailed: this one would be one too many.
    """
    same = [one for one in told if one.request.split == request.split]
    if request.split == "confirm" and len(same) >= LOOKS:
        raise ScoringFailed(
            f"wanted at most {LOOKS} scores of confirm for a job, found that it had them all; "
            "what more would say is worth nothing, so submit a job with new rows"
        )
    if request.split != "test":
        return
    for one in same:
        who, other = one.request.experiment, request.experiment
        if who == other or ROOT not in (who, other):
            at = datetime.fromtimestamp(one.at, UTC)
            raise ScoringFailed(
                f"wanted to open test once, found it opened for #{who} at {at:%Y-%m-%d %H:%M} UTC "
                f"when #{other} asked; rows that were seen prove nothing any more, so submit a "
                "job with new ones"
            )

"""Whole jobs on which anything may go wrong, drawn by hypothesis."""

import math
from random import Random

from hypothesis import strategies as st

from shared.contracts.base import ROOT
from shared.contracts.brief import BriefRequest
from shared.contracts.job import Fidelity, Search
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import Failed, RunRequest
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.advised import COUNSEL, by_whom
from tests.support.examples import BRIEF, FAILED, proposals
from tests.support.planning import (
    EVERY_SEARCH,
    Answer,
    Bench,
    good_news,
    scored,
    trained,
    with_search,
)

KINDS = ("nothing", "repeats", "crashes", "lost", "unscored", "no number", "no counsel")


def trouble(seed: int, chances: dict[str, float], *, advised: bool) -> Answer:
    """Answer by a die that shows the same whenever the same is asked for.

    Where the researcher has a language model, it proposes what it is asked for unless it is away.
    """

    def answer(request: Request) -> Result:
        die = Random(f"{seed} {request.model_dump_json()}").random()

        def falls(*kinds: str) -> bool:
            return die < sum(chances[kind] for kind in kinds)

        match request:
            case ProposeRequest(experiments=numbers):
                if falls("nothing"):
                    return Failed(error="NothingNew", detail="every recipe was tried")
                if falls("nothing", "repeats"):
                    return by_whom(request, proposals(*(1e-3 for _ in numbers)))
                found = proposals(*(1e-3 * n for n in numbers[: 1 + int(die * 3)]))
                return by_whom(request, found, away=falls("no counsel"))
            case BriefRequest() if advised:
                return BRIEF.model_copy(update={"counsel": COUNSEL})
            case RunRequest():
                if falls("crashes"):
                    return FAILED.model_copy(update={"gpu_seconds": min(3.0, request.limit_s)})
                if falls("crashes", "lost"):
                    return Failed(error="WorkerLost", detail="fell silent")
                return trained(request)
            case ScoreRequest() if request.experiment != ROOT:
                if falls("unscored"):
                    return Failed(error="ScoringFailed", detail="cannot be loaded")
                value = math.nan if falls("unscored", "no number") else die
                return scored(request, die).model_copy(update={"value": value})
            case _:
                return good_news(request)

    return answer


@st.composite
def troubled(draw: st.DrawFn) -> Bench:
    """Draw a job of any kind, the services' bad days, and how many executors there are."""
    chances = {kind: draw(st.sampled_from([0.0, 0.0, 0.1, 0.3])) for kind in KINDS}
    searches = (*EVERY_SEARCH, EVERY_SEARCH[-1], Search(fidelity=Fidelity.DATA))
    deliver = draw(st.sampled_from(["checkpoint", "recipe"]))
    search = draw(st.sampled_from(searches)).model_copy(update={"deliver": deliver})
    spec = with_search(
        search,
        confirm=draw(st.booleans()),
        experiments=draw(st.sampled_from([1, 2, 4, 8])),
        gpu_seconds=draw(st.sampled_from([None, None, None, 0.5, 3.0, 12.0, 40.0])),
    )
    answer = trouble(draw(st.integers(0, 99)), chances, advised=draw(st.booleans()))
    return Bench(spec, answer, executors=draw(st.sampled_from([0, 1, 2, 4, 9])))

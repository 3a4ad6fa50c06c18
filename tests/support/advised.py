"""Jobs whose researcher has a language model, played by a function."""

from collections.abc import Callable

from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.brief import BriefRequest
from shared.contracts.counsel import Counsel, Proposer, Spend
from shared.contracts.proposal import Proposals, ProposeRequest
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.examples import BRIEF
from tests.support.planning import Answer, good_news, scored

COUNSEL = Counsel(model="qwen", calls=2, spend=Spend(tokens=1000, money=0.25))
AWAY = COUNSEL.model_copy(update={"calls": 1, "spend": Spend(), "fallback": "it does not answer"})

Worth = Callable[[Proposer, ExperimentId], float]
"""What an experiment of a proposer scores."""


def by_whom(request: ProposeRequest, found: Proposals, *, away: bool = False) -> Proposals:
    """Return proposals by whom they were asked from; by rules where the model is away."""
    if not request.proposers:
        return found
    by = [
        one.model_copy(update={"proposer": "rules" if away else who})
        for one, who in zip(found.proposals, request.proposers, strict=False)
    ]
    counsel = AWAY if away else COUNSEL
    return found.model_copy(update={"proposals": tuple(by), "counsel": counsel})


def advised(worth: Worth, *, away: bool = False, answer: Answer = good_news) -> Answer:
    """Return answers of services whose researcher has a language model."""
    proposer: dict[ExperimentId, Proposer] = {}

    def answers(request: Request) -> Result:
        result = answer(request)
        match request:
            case BriefRequest():
                return BRIEF.model_copy(update={"counsel": COUNSEL})
            case ProposeRequest() if isinstance(result, Proposals):
                found = by_whom(request, result, away=away)
                its = zip(request.experiments, found.proposals, strict=False)
                proposer.update({number: one.proposer for number, one in its})
                return found
            case ScoreRequest() if request.experiment != ROOT:
                number = request.experiment
                return scored(request, worth(proposer[number], number), rows=100)
            case ScoreRequest():
                return scored(request, 0.1, rows=100)
            case _:
                return result

    return answers

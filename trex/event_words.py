"""An event of the ledger in one line, for those who watch a job without a terminal. Pure."""

from collections.abc import MutableMapping

from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.counsel import Counsel
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.events import Event, JobEnded, WorkEnded, WorkLost, WorkOrdered
from shared.contracts.lesson import Lesson
from shared.contracts.plan import Plan, PlanRequest
from shared.contracts.proposal import Proposal, Proposals, ProposeRequest
from shared.contracts.run import Failed, Trained
from shared.contracts.score import Score
from shared.contracts.work import Result
from trex.words import score_words

MIB = 2**20


def event_line(event: Event, experiments: MutableMapping[WorkId, ExperimentId]) -> str:
    """Return what a person would be told about an event.

    Args:
        event: the next event of the ledger.
        experiments: which experiment each work is for; filled here, as only orders say so.
    """
    match event:
        case WorkOrdered(work_id=work_id, request=request, why=why):
            if isinstance(request, PlanRequest | BriefRequest | DiscardRequest):
                return f"{request.kind}: {why}"
            if isinstance(request, ProposeRequest):
                experiments[work_id] = request.experiments[0]
            else:
                experiments[work_id] = request.experiment
            return f"{_name(work_id, experiments)} {request.kind}: {why}"
        case WorkLost(work_id=work_id, held_s=held_s):
            return f"{_name(work_id, experiments)} lost its worker after {held_s:.0f} s; again"
        case WorkEnded(work_id=work_id, result=result):
            return f"{_name(work_id, experiments)} {_result_words(result)}"
        case JobEnded(how=how, reason=reason):
            return f"job {how}: {reason}"
        case _:
            return event.kind.replace("_", " ")


def _name(work_id: WorkId, experiments: MutableMapping[WorkId, ExperimentId]) -> str:
    number = experiments.get(work_id)
    if number is None:
        return work_id
    return "base model" if number == ROOT else f"#{number}"


def _result_words(result: Result) -> str:
    match result:
        case Plan(choices=choices, counsel=counsel):
            named = ", ".join(one.field for one in choices)
            return f"proposed: {named}{_counsel_words(counsel)}"
        case Brief(summary=summary, counsel=counsel):
            return f"studied: {summary}{_counsel_words(counsel)}"
        case Proposals(proposals=proposals, counsel=counsel):
            said = "; or ".join(_proposal_words(one) for one in proposals)
            return f"proposed: {said}{_counsel_words(counsel)}"
        case Trained(steps=steps, train_loss=loss, gpu_seconds=seconds):
            part = " in part" if result.stopped == "rung" else ""
            return f"trained{part}: {steps} steps, loss {loss:.3f}, {seconds:.0f} s"
        case Score(split=split):
            return f"scored: {score_words(result)} on {split}"
        case Lesson(sentence=sentence, counsel=counsel):
            return f"taught: {sentence}{_counsel_words(counsel)}"
        case Discarded(bytes=size):
            return f"freed {size / MIB:.1f} MiB"
        case Failed(error=error, detail=detail):
            return f"failed: {error}: {detail}"


def _proposal_words(proposal: Proposal) -> str:
    """Say what is to change, and who wants that unless it is rules."""
    said = ", ".join(proposal.changed) or proposal.expects
    return said if proposal.proposer == "rules" else f"{said} (language model)"


def _counsel_words(counsel: Counsel | None) -> str:
    """Say what went wrong with the researcher's language model; nothing when it went well."""
    if counsel is None:
        return ""
    dropped = [f"{len(counsel.dropped)} more dropped"] if counsel.dropped else []
    away = [f"rules stood in: {counsel.fallback}"] if counsel.fallback else []
    return "".join(f"; {said}" for said in (*dropped, *away))

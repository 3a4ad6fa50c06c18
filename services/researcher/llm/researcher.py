"""The researcher that asks a language model, and lets rules answer what that cannot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.researcher.llm import diagnosing, planning
from services.researcher.llm.adviser import Adviser, NoCounsel
from services.researcher.llm.briefing.brief import brief as write_brief
from services.researcher.llm.proposing.propose import Proposed, propose
from services.researcher.llm.telling.context import context
from services.researcher.researcher import Researcher
from services.researcher.tools.research import Research
from shared.contracts.base import ExperimentId
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.counsel import Counsel
from shared.contracts.lesson import BankedLesson, DiagnoseRequest, Lesson
from shared.contracts.plan import Plan, PlanRequest
from shared.contracts.proposal import Finding, Proposal, Proposals, ProposeRequest
from shared.errors import NothingNew

MOST_BEFORE = 3
"""Ideas that are asked for beside those that are wanted, at most."""


@dataclass(frozen=True, slots=True)
class LlmResearcher:
    """A `Researcher` for one piece of work. A job never fails for want of its model."""

    rules: Researcher
    """Who measures, and answers in place of the model."""

    adviser: Adviser
    """The model."""

    research: Research
    """Where literature and data are looked for."""

    lessons: Callable[[], Sequence[BankedLesson]]
    """What earlier jobs have taught, looked up when it is wanted."""

    def plan(self, request: PlanRequest) -> Plan:
        """Return the model's choices for what a draft leaves open; of rules where it has none."""
        return planning.plan(request, self.rules.plan(request), self.adviser)

    def brief(self, request: BriefRequest) -> Brief:
        """Return what the rules count, with the model's analysis and what it read."""
        return write_brief(request, self.rules.brief(request), self.research, self.adviser)

    def propose(self, request: ProposeRequest) -> Proposals:
        """Return the model's recipes for its share of the experiments, and of rules for the rest.

        Rules know what the model has proposed, and stand in for what it has not.

        Raises:
            NothingNew: neither has anything new.
        """
        asked = _for_the_model(request)
        if not asked:
            return self.rules.propose(request)
        found, why = self._from_the_model(request, asked)
        proposed = dict(zip(asked, found.proposals, strict=False))
        why = why or _too_few(len(found.proposals), len(asked))
        proposed |= self._from_rules(request, proposed)
        return Proposals(
            proposals=tuple(proposed[number] for number in sorted(proposed)),
            counsel=self._counsel(dropped=found.dropped, fallback=why),
        )

    def diagnose(self, request: DiagnoseRequest) -> Lesson:
        """Return what the rules measured, with the model's view of the cause."""
        measured = self.rules.diagnose(request)
        try:
            lesson = diagnosing.diagnose(request, measured, self.lessons(), self.adviser)
        except NoCounsel as none:
            return measured.model_copy(update={"counsel": self._counsel(fallback=str(none))})
        return lesson.model_copy(update={"counsel": self._counsel()})

    def _from_the_model(
        self, request: ProposeRequest, asked: tuple[ExperimentId, ...]
    ) -> tuple[Proposed, str | None]:
        """Return the model's recipes, or none and why.

        A model that is asked the same again before its first answer is known says the same again:
        so as many more ideas are asked for as are awaited, and the later ones taken.
        """
        taken = {finding.experiment for finding in request.findings}
        free = [ExperimentId(n) for n in range(1, asked[0]) if n not in taken]
        before = free[max(0, len(free) - min(request.awaited, MOST_BEFORE)) :]
        wanted = request.model_copy(update={"experiments": (*before, *asked)})
        try:
            found = propose(wanted, self.lessons(), self.adviser, tell=context)
        except NoCounsel as none:
            return Proposed((), ()), str(none)
        return Proposed(found.proposals[len(before) :], found.dropped), None

    def _from_rules(
        self, request: ProposeRequest, proposed: dict[ExperimentId, Proposal]
    ) -> dict[ExperimentId, Proposal]:
        """Return recipes for what is left to propose, as far as rules have new ones.

        Raises:
            NothingNew: they have none, and there is none yet.
        """
        left = tuple(number for number in request.experiments if number not in proposed)
        if not left:
            return {}
        try:
            by_rules = self.rules.propose(_beside(request, left, proposed)).proposals
        except NothingNew:
            if proposed:
                return {}
            raise
        return dict(zip(left, by_rules, strict=False))

    def _counsel(self, *, dropped: tuple[str, ...] = (), fallback: str | None = None) -> Counsel:
        return self.adviser.counsel.model_copy(update={"dropped": dropped, "fallback": fallback})


def _for_the_model(request: ProposeRequest) -> tuple[ExperimentId, ...]:
    if not request.proposers:
        return request.experiments
    pairs = zip(request.experiments, request.proposers, strict=True)
    return tuple(number for number, proposer in pairs if proposer == "llm")


def _too_few(found: int, asked: int) -> str | None:
    if found == asked:
        return None
    return f"wanted {asked} new recipes of the language model, found {found}; rules fill the rest"


def _beside(
    request: ProposeRequest,
    experiments: tuple[ExperimentId, ...],
    proposed: dict[ExperimentId, Proposal],
) -> ProposeRequest:
    """Return what rules are asked for beside what the model has proposed."""
    under_way = tuple(
        Finding(experiment=number, parent=request.parent, recipe=one.recipe, proposer="llm")
        for number, one in proposed.items()
    )
    findings = sorted((*request.findings, *under_way), key=lambda finding: finding.experiment)
    return request.model_copy(
        update={"experiments": experiments, "proposers": (), "findings": tuple(findings)}
    )

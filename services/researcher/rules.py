"""The researcher that needs no language model: a documented prior and rules over the evidence."""

from services.researcher import diagnosis, planning, proposing, reading_data
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.plan import Plan, PlanRequest
from shared.contracts.proposal import Proposals, ProposeRequest


class RuleResearcher:
    """A `Researcher` whose every answer follows from its request: same request, same answer."""

    def plan(self, request: PlanRequest) -> Plan:
        """Return choices by the look of the training rows and the machines' memory."""
        return planning.plan(request)

    def brief(self, request: BriefRequest) -> Brief:
        """Return the counts of one pass over the training rows."""
        return reading_data.study(request)

    def propose(self, request: ProposeRequest) -> Proposals:
        """Return drafts below the root, else the parent's recipe with a factor or two changed.

        Raises:
            NothingNew: every draw repeats an earlier experiment.
            Rejected: the parent is not among the findings.
        """
        return proposing.propose(request)

    def diagnose(self, request: DiagnoseRequest) -> Lesson:
        """Return the paired comparison with the parent and what the loss curves say."""
        return diagnosis.diagnose(request)

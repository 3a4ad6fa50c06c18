"""What the rest of the system may ask of a researcher, whoever or whatever it is."""

from typing import Protocol

from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.plan import Plan, PlanRequest
from shared.contracts.proposal import Proposals, ProposeRequest


class Researcher(Protocol):
    """Turns a job into a brief, a node of the tree into a recipe, an experiment into a lesson.

    Keeps nothing between calls: everything it may use stands in the request, so a call that is
    repeated on another machine is as good as the first. It never opens dev or test rows.
    """

    def plan(self, request: PlanRequest) -> Plan:
        """Return what a job that leaves things open would do, for its user to approve.

        Raises:
            DataFailed: the training rows cannot be read, or hold nothing to learn.
        """

    def brief(self, request: BriefRequest) -> Brief:
        """Return what there is to know before the first experiment.

        Raises:
            DataFailed: the training rows, or the base model's headers, cannot be read.
        """

    def propose(self, request: ProposeRequest) -> Proposals:
        """Return recipes that differ from every finding's and each other, and what they expect.

        One for each experiment asked for, or fewer when no more is new.

        Raises:
            NothingNew: all it could think of has been tried.
            Rejected: the request's parent is neither `ROOT` nor among its findings.
        """

    def diagnose(self, request: DiagnoseRequest) -> Lesson:
        """Return what a finished experiment taught, failed ones included."""

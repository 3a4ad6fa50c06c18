"""Tries a model's ideas one by one: what is right becomes a proposal, what is wrong a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.researcher.costs import predicted_s
from services.researcher.difference import differences
from services.researcher.evidence import failed_by_itself
from services.researcher.llm.adviser import REPAIRS, ModelUseless
from services.researcher.llm.proposing.ideas import Idea, Ideas, Unreadable
from services.researcher.llm.proposing.place import Place
from services.researcher.llm.proposing.realising import most_promising, recipes_of
from services.researcher.llm.proposing.refuted import refuse_refuted, refuse_what_others_learnt
from services.researcher.proposing import bar
from shared.contracts.lesson import BankedLesson
from shared.contracts.proposal import Direction, Finding, Gain, Proposal
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed
from shared.errors import Rejected
from shared.one_line import one_line

MOST_SAID = 600
"""Characters of what is wrong with an idea."""

LOOP = 3
"""Failures in a row, all alike, after which a model is asked no more for a while."""

AWHILE = 6
"""Experiments from a failure on in which a model that keeps failing alike is not asked."""


class Trial:
    """The ideas of one answer and of its repairs.

    What one answer got right is kept while the rest is repaired. Each proposal counts as under way
    for the next.
    """

    def __init__(self, place: Place, lessons: Sequence[BankedLesson], direction: Direction) -> None:
        """Begin with nothing proposed."""
        self.proposals: list[Proposal] = []
        self.wrong: tuple[str, ...] = ()
        """What is wrong with the ideas of the last answer, a sentence each."""
        self._ideas: list[Idea] = []
        self._place = place
        self._lessons = lessons
        self._direction: Direction = direction
        self._answers = 0

    def judge(self, answer: Ideas) -> None:
        """Take the ideas that are right, until there is one for each experiment.

        Raises:
            Rejected: some are wrong, experiments are left, and it is worth telling: not after the
                last repair, and not when the same is wrong as before.
        """
        self._answers += 1
        before = set(self.wrong)
        wrong = self._tried(answer)
        self.wrong = tuple(wrong.values())
        says_the_same = bool(before) and before == set(self.wrong)
        if wrong and not says_the_same and self._answers <= REPAIRS:
            raise Rejected(self._said_of(wrong))

    def _tried(self, answer: Ideas) -> dict[int, str]:
        """Return what is wrong with which ideas; nothing once every experiment has one."""
        taken, wrong = tuple(self._ideas), {}
        for number, idea in enumerate(answer.ideas, start=1):
            if isinstance(idea, Idea) and any(idea.does_as(other) for other in taken):
                continue  # said again beside what was to be repaired
            try:
                self._take(idea)
            except Rejected as error:
                wrong[number] = one_line(str(error), MOST_SAID)
            if len(self.proposals) == len(self._place.request.experiments):
                return {}
        return wrong

    def _said_of(self, wrong: Mapping[int, str]) -> str:
        missing = len(self._place.request.experiments) - len(self.proposals)
        said = "\n".join(f"idea {number}: {why}" for number, why in wrong.items())
        return (
            f"{said}\n{len(self.proposals)} of your ideas are taken. Reply with {missing} more "
            "in place of those that are wrong."
        )

    def _take(self, idea: Idea | Unreadable) -> None:
        if isinstance(idea, Unreadable):
            raise Rejected(idea.fault)
        if any(idea.does_as(other) for other in self._ideas):
            raise Rejected("it does what another idea of this answer does; try something else")
        place = self._with_what_is_under_way()
        made = most_promising(recipes_of(idea, place), place)
        if place.parent is not None:
            refuse_refuted(made, place.parent, place.request.findings)
            if not idea.despite:
                refuse_what_others_learnt(made, place.parent, place.request, self._lessons)
        self._ideas.append(idea)
        self.proposals.append(_proposal(idea, made, place, self._direction))

    def _with_what_is_under_way(self) -> Place:
        request = self._place.request
        begun = tuple(
            Finding(experiment=number, parent=request.parent, recipe=proposal.recipe)
            for number, proposal in zip(request.experiments, self.proposals, strict=False)
        )
        left = request.experiments[len(begun) :]
        known = {"findings": (*request.findings, *begun), "experiments": left}
        return replace(self._place, request=request.model_copy(update=known))


def refuse_to_go_round(findings: Sequence[Finding]) -> None:
    """Raise ModelUseless while what a model proposes keeps failing in one way.

    That is while its last `LOOP` experiments that have ended failed alike and the newest of them is
    among the last `AWHILE` of the job.
    """
    own = [one for one in findings if one.proposer == "llm" and one.outcome is not None]
    last = [one.outcome for one in own[-LOOP:]]
    errors = [one.error for one in last if isinstance(one, Failed) and failed_by_itself(one)]
    alike = len(errors) == LOOP and len(set(errors)) == 1
    if alike and own[-1] in findings[-AWHILE:]:
        raise ModelUseless(
            f"the last {LOOP} experiments of the language model failed alike, with {errors[0]}; "
            f"rules propose until {AWHILE} experiments have followed"
        )


def _proposal(idea: Idea, recipe: Recipe, place: Place, direction: Direction) -> Proposal:
    request, parent = place.request, place.parent
    low, mean, high = sorted((idea.gain_low, idea.gain_mean, idea.gain_high))
    changes = differences(parent.recipe if parent else None, recipe)
    return Proposal(
        recipe=recipe,
        changed=changes,
        expects=(
            f"{', '.join(changes)} should add {mean:+.3f} ({low:+.3f} to {high:+.3f}) to "
            f"{bar(request, parent)}: {idea.hypothesis}"
        ),
        proposer="llm",
        direction=direction,
        hypothesis=idea.hypothesis,
        gain=Gain(low=low, mean=mean, high=high),
        falsifier=idea.falsifier,
        predicted_s=predicted_s(recipe, request),
    )

"""A proposer that runs into the same failure again and again pauses there."""

from collections.abc import Mapping
from types import MappingProxyType

from services.planner.advice import Advice
from services.planner.crediting import proposers
from services.planner.pausing import PAUSE, paused, pauses
from services.planner.state import JobState
from services.planner.warnings import warnings
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.counsel import Proposer
from shared.contracts.job import Search, SearchMode
from shared.contracts.proposal import Proposals
from shared.contracts.run import RunRequest
from shared.contracts.work import Request, Result
from tests.support.advised import advised
from tests.support.examples import FAILED
from tests.support.planning import Bench, with_search

NUMBERS = [ExperimentId(number) for number in range(100, 120)]


def drafts(
    *whose: Proposer,
    failing: Proposer = "llm",
    changed: tuple[str, ...] = ("learning_rate 0.001 → 1",),
    errors: str = "",
    names: Mapping[str, str] = MappingProxyType({}),
    rules_share: float | None = None,
) -> JobState:
    """Fresh starts of these proposers, changed alike; all runs of one of them fail.

    Args:
        whose: who proposes each.
        failing: whose runs fail.
        changed: what they change, one for each after the other if there are several.
        errors: a letter for the error of each experiment; nothing for the same of all.
        names: of errors, by their letter.
        rules_share: of the job.
    """
    usual = advised(lambda _, __: 0.5)
    fails = {n for n, who in enumerate(whose, start=1) if who == failing}

    def answer(request: Request) -> Result:
        result = usual(request)
        if isinstance(result, Proposals) and request.kind == "propose":
            its = [
                one.model_copy(
                    update={
                        "proposer": whose[n - 1] if n <= len(whose) else "rules",
                        "changed": (changed[n % len(changed)],),
                    }
                )
                for n, one in zip(request.experiments, result.proposals, strict=False)
            ]
            return result.model_copy(update={"proposals": tuple(its)})
        if isinstance(request, RunRequest) and request.experiment in fails:
            letter = errors[request.experiment - 1] if errors else "Diverged"
            return FAILED.model_copy(update={"error": names.get(letter, letter)})
        return result

    # Fresh starts and nothing else.
    random = Search(mode=SearchMode.RANDOM, smallest_gain=0, rules_share=rules_share)
    bench = Bench(with_search(random, experiments=len(whose)), answer)
    return bench.run_to_the_end()


def test_three_times_the_same_failure_makes_a_proposer_pause_there_alone() -> None:
    state = drafts("rules", "llm", "llm", "llm")

    assert paused(state, ROOT, "llm")
    assert not paused(state, ROOT, "rules")
    assert set(proposers(state, ROOT, NUMBERS)) == {"rules"}
    assert set(proposers(state, ExperimentId(1), NUMBERS)) == {"rules", "llm"}


def test_a_job_that_wants_rules_alone_gets_no_model_where_they_pause() -> None:
    whose: tuple[Proposer, ...] = ("llm", "rules", "rules", "rules")

    mixed = drafts(*whose, failing="rules")
    alone = drafts(*whose, failing="rules", rules_share=1.0)

    assert set(proposers(mixed, ROOT, NUMBERS)) == {"llm"}
    assert set(proposers(alone, ROOT, NUMBERS)) == {"rules"}


def test_two_failures_may_be_chance() -> None:
    assert not paused(drafts("rules", "llm", "llm"), ROOT, "llm")


def test_failures_with_other_errors_or_other_changes_are_not_the_same() -> None:
    whose: tuple[Proposer, ...] = ("rules", "llm", "llm", "llm")
    others = ("learning_rate 0.001 → 1", "adapter lora → full")

    assert not paused(drafts(*whose, errors="AABC"), ROOT, "llm")
    assert not paused(drafts(*whose, changed=others), ROOT, "llm")


def test_the_same_change_to_another_value_is_nearly_the_same_recipe() -> None:
    values = ("learning_rate 0.001 → 1", "learning_rate 0.001 → 2")

    assert paused(drafts("rules", "llm", "llm", "llm", changed=values), ROOT, "llm")


def test_what_the_other_proposes_there_ends_the_pause() -> None:
    failed: tuple[Proposer, ...] = ("llm", "llm", "llm")
    others: list[Proposer] = ["rules"] * PAUSE

    assert paused(drafts(*failed, *others[1:]), ROOT, "llm")
    assert not paused(drafts(*failed, *others), ROOT, "llm")


def test_what_is_nobodys_fault_makes_nobody_pause_and_ends_no_row() -> None:
    names = {"L": "WorkerLost", "C": "Cancelled"}
    whose: tuple[Proposer, ...] = ("rules", "llm", "llm", "llm", "llm")

    assert not paused(drafts(*whose, errors="LLLLL", names=names), ROOT, "llm")
    assert not paused(drafts(*whose, errors="CCCCC", names=names), ROOT, "llm")
    assert paused(drafts(*whose, errors="AAALA", names=names), ROOT, "llm")


def told_of_pauses(state: JobState) -> bool:
    assert list(pauses(state)) != []
    return any("times in a row" in said for said in warnings(state))


def test_a_pause_that_changes_nothing_is_not_told() -> None:
    def without_a_model(state: JobState) -> JobState:
        state.advice = Advice()
        return state

    rules: tuple[Proposer, ...] = ("llm", "rules", "rules", "rules")
    model: tuple[Proposer, ...] = ("rules", "llm", "llm", "llm")

    assert told_of_pauses(drafts(*rules, failing="rules"))
    assert not told_of_pauses(without_a_model(drafts(*rules, failing="rules")))
    assert not told_of_pauses(drafts(*rules, failing="rules", rules_share=1.0))
    assert not told_of_pauses(drafts(*rules, failing="rules", rules_share=0.0))
    assert not told_of_pauses(drafts(*model, rules_share=1.0))


def test_a_pause_is_pointed_out() -> None:
    state = drafts("rules", "llm", "llm", "llm")

    assert list(pauses(state)) == [(ROOT, "llm", "Diverged")]
    assert any(
        said.startswith("language model ran into Diverged 3 times in a row from the base model")
        for said in warnings(state)
    )

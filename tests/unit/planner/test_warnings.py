"""What a person is told to look at while a search runs."""

import pytest

from services.planner.state import JobState
from services.planner.tree import Observation
from services.planner.warnings import warnings
from shared.contracts.base import ROOT
from shared.contracts.job import Fidelity, Search
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import RunRequest
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.examples import FAILED, SPEC, TOKENISED, TRAINED, proposals
from tests.support.planning import Answer, Bench, good_news, scored, with_search


def searched(
    answer: Answer = good_news, *, experiments: int = 8, fidelity: Fidelity = Fidelity.OFF
) -> JobState:
    search = Search(fidelity=fidelity, smallest_gain=0)
    spec = with_search(search, confirm=True, experiments=experiments)
    return Bench(spec, answer).run_to_the_end()


def scoring(*values: float, base: float = 0.1) -> Answer:
    """The base model's score, then that of each experiment, the last for all that follow."""

    def answer(request: Request) -> Result:
        if isinstance(request, ScoreRequest):
            place = min(request.experiment, len(values)) - 1
            return scored(request, base if request.experiment == ROOT else values[place])
        return good_news(request)

    return answer


def crashing(*experiments: int) -> Answer:
    def answer(request: Request) -> Result:
        if isinstance(request, RunRequest) and request.experiment in experiments:
            return FAILED
        return good_news(request)

    return answer


def test_a_search_that_goes_well_is_nothing_to_look_at() -> None:
    assert warnings(searched()) == ()


def test_scores_that_are_all_equal_are_pointed_out() -> None:
    (said,) = warnings(searched(scoring(0.5)))

    assert said.startswith("all 8 scores are 0.500: the metric tells no model from another")


def test_four_equal_scores_may_be_chance_and_five_are_not() -> None:
    assert warnings(searched(scoring(0.5), experiments=4)) == ()
    assert warnings(searched(scoring(0.5), experiments=5)) != ()


def test_scores_that_all_get_worse_are_pointed_out_as_if_the_direction_were_wrong() -> None:
    (said,) = warnings(searched(scoring(0.3, 0.2, 0.1, 0.3, 0.2, base=0.5)))

    assert said.startswith("all 8 experiments score below the base model's 0.500")
    assert "check that higher is better" in said


def test_one_experiment_above_the_base_model_is_enough() -> None:
    assert warnings(searched(scoring(0.3, 0.2, 0.6, 0.3, 0.2, base=0.5))) == ()


def test_half_of_the_runs_failing_is_pointed_out_with_the_commonest_error() -> None:
    (said,) = warnings(searched(crashing(1, 3, 5, 7)))

    assert said == "4 of 8 runs failed, 4 of them with Diverged"


def test_a_few_failures_are_a_normal_search() -> None:
    assert warnings(searched(crashing(1, 3, 5))) == ()


def test_samples_that_do_not_fit_are_pointed_out() -> None:
    tokenised = TOKENISED.model_copy(update={"samples": 1400, "too_long": 100, "cut": 30})

    def answer(request: Request) -> Result:
        if isinstance(request, RunRequest):
            return TRAINED.model_copy(update={"tokenised": tokenised})
        return good_news(request)

    (said,) = warnings(searched(answer))

    assert said.startswith("of 1500 samples 100 are left out")
    assert "30 lose their ends there" in said


def test_a_researcher_that_repeats_itself_is_pointed_out() -> None:
    def thirds(request: Request) -> Result:
        if isinstance(request, ProposeRequest):
            return proposals(*(1e-3 * (1 + n // 3) for n in request.experiments))
        return good_news(request)

    said = warnings(searched(thirds))

    assert any("repeated an earlier one: the researcher has little left" in one for one in said)


def test_a_job_that_keeps_no_rows_for_checking_is_told_so() -> None:
    (said,) = warnings(Bench().state)

    assert said.startswith("the job names no data.confirm")


@pytest.mark.parametrize(
    ("fidelity", "experiments", "warned"),
    [
        (Fidelity.STEPS, 2, True),
        (Fidelity.DATA, 2, True),
        (Fidelity.STEPS, 3, False),
        (Fidelity.OFF, 2, False),
    ],
)
def test_a_budget_too_small_to_compare_short_runs_with_full_ones_is_pointed_out(
    fidelity: Fidelity, experiments: int, warned: bool
) -> None:
    spec = with_search(Search(fidelity=fidelity), confirm=True, experiments=experiments)

    said = warnings(Bench(spec).state)

    assert any("too small for short runs" in one for one in said) is warned


def test_short_runs_that_rank_badly_are_pointed_out() -> None:
    spec = with_search(Search(fidelity=Fidelity.STEPS), confirm=True, experiments=50)
    state = Bench(spec).state
    for n in range(30):
        node = state.search.expand(ROOT)
        for rung, value in enumerate((0.5 - n / 60, 0.5, 0.3 + n / 60)):
            state.search.tell(node, Observation(rung, value, 0.0001))

    said = warnings(state)

    assert any(one.startswith("runs of 0.11 of the full length rank recipes badly") for one in said)


def test_rows_that_executors_could_read_are_pointed_out() -> None:
    data = {"confirm": "confirm.jsonl", "test": "test.jsonl"}
    spec = SPEC.model_copy(update={"data": SPEC.data.model_copy(update=data)})

    (said,) = warnings(Bench(spec).state)

    assert said.startswith("the rows of confirm and test are named by their path, where executors")

"""The evaluator against real vLLM servers."""

import os
import signal
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from services.evaluator.in_process import TransformersScorer
from services.evaluator.vllm.elsewhere import Elsewhere
from services.evaluator.vllm.pool import Pool
from services.evaluator.vllm.scorer import AT_ONCE, IN_ONE, VllmScorer
from services.evaluator.vllm.server import Model, Served, Server
from shared.errors import ScoringFailed
from tests.suites.scorer import PROMPTS, ScorerSuite, answers, asked, likelihoods
from tests.vllm.conftest import PYTHON

pytestmark = [
    pytest.mark.timeout(600),  # a server takes half a minute to start, or more
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of a name that PEFT itself uses
]

MANY = [f"{prompt} {number}" for number in range(30) for prompt in PROMPTS]
MORE_THAN_AT_ONCE = MANY * (4 * AT_ONCE * IN_ONE // len(MANY))
"""Many of them are not sent yet when the first answers come."""


class TestVllmScorer(ScorerSuite):
    """The same sentences as of the scorer in the evaluator's process."""

    @pytest.fixture
    def scorer(self, scorer: VllmScorer) -> VllmScorer:
        return scorer


@pytest.fixture(scope="module")
def in_process() -> TransformersScorer:
    return TransformersScorer()


def alive_with(server: int) -> list[int]:
    """Return the processes that a server started, itself included, and that have not ended."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(one.pid) == server and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one.pid)
    return found


def base_server(pool: Pool, base: Path) -> Server:
    return pool.up()[Model(str(base), adapters=True)]


def test_base_model_and_adapters_answer_as_they_do_in_the_evaluators_process(
    scorer: VllmScorer, in_process: TransformersScorer, nano_base: Path, adapters: list[Path]
) -> None:
    for checkpoint in (nano_base, *adapters):
        ours = answers(scorer, nano_base, MANY, checkpoint)
        theirs = answers(in_process, nano_base, MANY, checkpoint)

        agree = sum(one == other for one, other in zip(ours, theirs, strict=True))
        assert agree >= 0.99 * len(MANY)


def test_likelihoods_are_those_of_the_evaluators_process(
    scorer: VllmScorer, in_process: TransformersScorer, nano_base: Path, adapters: list[Path]
) -> None:
    said = ["white", "a much longer answer than the others", "", "black or blue"]

    for checkpoint in (nano_base, *adapters):
        ours = likelihoods(scorer, nano_base, PROMPTS, said, checkpoint)
        theirs = likelihoods(in_process, nano_base, PROMPTS, said, checkpoint)

        assert ours == pytest.approx(theirs, rel=1e-4)


def test_adapters_take_turns_in_one_server_and_none_stays(
    scorer: VllmScorer, pool: Pool, nano_base: Path, adapters: list[Path]
) -> None:
    first = answers(scorer, nano_base, PROMPTS, adapters[0])
    served = base_server(pool, nano_base)
    second = answers(scorer, nano_base, PROMPTS, adapters[1])
    again = answers(scorer, nano_base, PROMPTS, adapters[0])

    assert base_server(pool, nano_base) is served
    assert first == again != second
    models = served.api.http.get("/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["base"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_or_hangs_is_started_again_for_what_was_not_answered(
    scorer: VllmScorer, pool: Pool, nano_base: Path, adapters: list[Path], how: signal.Signals
) -> None:
    expected = answers(scorer, nano_base, MORE_THAN_AT_ONCE, adapters[0])
    lost = base_server(pool, nano_base)
    lost.api.http.timeout = 5.0

    found: dict[int, str] = {}
    asked_twice: list[int] = []
    prompts = asked(MORE_THAN_AT_ONCE)
    for batch in scorer.answer(str(adapters[0]), str(nano_base), prompts, max_new_tokens=8):
        asked_twice += [i for i in batch if i in found]
        found |= {i: answer.text for i, answer in batch.items()}
        if base_server(pool, nano_base) is lost:
            os.killpg(lost.process.pid, how)

    assert base_server(pool, nano_base) is not lost
    assert alive_with(lost.process.pid) == []
    assert [found[i] for i in range(len(MORE_THAN_AT_ONCE))] == expected
    assert asked_twice == []


def test_a_server_answers_nobody_without_its_key(
    scorer: VllmScorer, pool: Pool, nano_base: Path
) -> None:
    answers(scorer, nano_base, ["red"])

    url = base_server(pool, nano_base).api.http.base_url.join("/v1/models")
    assert httpx.get(url).status_code == httpx.codes.UNAUTHORIZED


def test_a_whole_model_has_a_server_of_its_own_beside_that_of_the_base_model(
    scorer: VllmScorer,
    pool: Pool,
    in_process: TransformersScorer,
    nano_base: Path,
    adapters: list[Path],
    tmp_path: Path,
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(nano_base, dtype=torch.float32)
    for weight in model.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(nano_base).save_pretrained(tmp_path)
    answers(scorer, nano_base, PROMPTS, adapters[0])
    served = base_server(pool, nano_base)

    ours = answers(scorer, nano_base, PROMPTS, tmp_path)
    answers(scorer, nano_base, PROMPTS, adapters[1])
    again = answers(scorer, nano_base, PROMPTS, tmp_path)

    assert ours == again == answers(in_process, nano_base, PROMPTS, tmp_path)
    assert ours != answers(in_process, nano_base, PROMPTS)
    assert base_server(pool, nano_base) is served


def test_a_server_that_has_no_memory_says_so(pool: Pool, nano_base: Path, tmp_path: Path) -> None:
    options = ("--gpu-memory-utilization", "0.00001")
    small = Pool(Served(PYTHON, 64, options, tmp_path))

    with pytest.raises(ScoringFailed, match=r"found that no server came up \(\w+Error: .*memory"):
        answers(VllmScorer(small), nano_base, PROMPTS)
    assert small.up() == {}


def test_a_server_of_somebody_else_answers_for_its_base_model_and_adapters_of_it(
    scorer: VllmScorer, pool: Pool, nano_base: Path, adapters: list[Path], tmp_path: Path
) -> None:
    ours = [answers(scorer, nano_base, PROMPTS, one) for one in (nano_base, *adapters)]
    http = base_server(pool, nano_base).api.http
    _, _, key = http.headers["Authorization"].partition(" ")

    with closing(Elsewhere(str(http.base_url), key, max_lora_rank=64, answer_s=60)) as theirs:
        elsewhere = VllmScorer(theirs)
        found = [answers(elsewhere, nano_base, PROMPTS, one) for one in (nano_base, *adapters)]

        assert found == ours
        assert scorer.engine.startswith(elsewhere.engine.removesuffix(f" at {http.base_url}"))
        with pytest.raises(ScoringFailed, match="wanted it or adapters of it served at"):
            answers(elsewhere, tmp_path, PROMPTS)

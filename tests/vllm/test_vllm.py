"""The evaluator against real vLLM servers."""

import os
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from services.evaluator.in_process import TransformersScorer
from services.evaluator.vllm.scorer import VllmScorer
from shared.errors import ScoringFailed
from tests.suites.scorer import PROMPTS, ScorerSuite, answers, asked, likelihoods

pytestmark = [
    pytest.mark.timeout(600),  # a server takes half a minute to start, or more
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of a name that PEFT itself uses
]

MANY = [f"{prompt} {number}" for number in range(30) for prompt in PROMPTS]


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


def server_of(scorer: VllmScorer) -> int:
    assert scorer._server is not None
    return scorer._server.process.pid


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
    scorer: VllmScorer, nano_base: Path, adapters: list[Path]
) -> None:
    first = answers(scorer, nano_base, PROMPTS, adapters[0])
    served = server_of(scorer)
    second = answers(scorer, nano_base, PROMPTS, adapters[1])
    again = answers(scorer, nano_base, PROMPTS, adapters[0])

    assert server_of(scorer) == served
    assert first == again != second
    assert scorer._server is not None
    models = scorer._server.api.http.get("/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["base"]


def test_a_server_that_is_killed_is_started_again_for_what_was_not_answered(
    scorer: VllmScorer, nano_base: Path, adapters: list[Path]
) -> None:
    expected = answers(scorer, nano_base, MANY, adapters[0])
    killed = server_of(scorer)

    found: dict[int, str] = {}
    asked_twice: list[int] = []
    for batch in scorer.answer(str(adapters[0]), str(nano_base), asked(MANY), max_new_tokens=8):
        asked_twice += [i for i in batch if i in found]
        found |= {i: answer.text for i, answer in batch.items()}
        if server_of(scorer) == killed:
            scorer._server.process.kill()  # type: ignore[union-attr]

    assert server_of(scorer) != killed
    assert alive_with(killed) == []
    assert [found[i] for i in range(len(MANY))] == expected
    assert asked_twice == []


def test_a_server_answers_nobody_without_its_key(scorer: VllmScorer, nano_base: Path) -> None:
    answers(scorer, nano_base, ["red"])

    assert scorer._server is not None
    url = scorer._server.api.http.base_url.join("/v1/models")
    assert httpx.get(url).status_code == httpx.codes.UNAUTHORIZED


def test_a_whole_model_has_a_server_of_its_own(
    scorer: VllmScorer, in_process: TransformersScorer, nano_base: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(nano_base, dtype=torch.float32)
    for weight in model.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(nano_base).save_pretrained(tmp_path)

    ours = answers(scorer, nano_base, PROMPTS, tmp_path)

    assert ours == answers(in_process, nano_base, PROMPTS, tmp_path)
    assert ours != answers(in_process, nano_base, PROMPTS)


def test_a_model_that_no_server_can_load_is_a_named_failure(
    scorer: VllmScorer, nano_base: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text((nano_base / "config.json").read_text())

    with pytest.raises(ScoringFailed, match="wanted vLLM to start"):
        answers(scorer, tmp_path, PROMPTS)
    assert answers(scorer, nano_base, PROMPTS)

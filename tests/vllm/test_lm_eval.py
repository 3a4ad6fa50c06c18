"""Tasks of lm-evaluation-harness against a real vLLM server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from services.evaluator.lm_eval.run import Harness, score_with_harness
from services.evaluator.vllm.scorer import Ready, VllmScorer
from shared.contracts.base import ExperimentId
from shared.contracts.job import MetricName
from shared.contracts.mapping import Mapping
from shared.contracts.run import Progress
from shared.contracts.score import Score, ScoreRequest
from shared.errors import ScoringFailed
from tests.suites.scorer import answers
from tests.support.examples import JOB
from tests.support.nano import WORDS

pytestmark = [
    pytest.mark.timeout(900),  # the harness needs half a minute to find its tasks, or more
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of a name that PEFT itself uses
]

PYTHON = Path(__file__).parents[2] / ".venv-lm-eval" / "bin" / "python"

QUESTIONS = [f"{word} {number}" for number in range(4) for word in WORDS]

Ask = Callable[..., Score]


@pytest.fixture
def ask(
    scorer: VllmScorer, nano_base: Path, adapters: list[Path], mapping: Mapping, tmp_path: Path
) -> Ask:
    """Scores the first adapter on a task of our own, with right answers to `QUESTIONS`."""

    def ask(
        task: str,
        expected: list[str],
        *,
        say: Callable[[Progress], None] = lambda _: None,
        **changed: object,
    ) -> Score:
        rows = zip(QUESTIONS, expected, strict=True)
        lines = [json.dumps({"question": q, "answer": a}) for q, a in rows]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
        for one in (choice, generation):
            described = common(tmp_path / "rows.jsonl") | one
            (tmp_path / f"{described['task']}.yaml").write_text(yaml.safe_dump(described))
        request = ScoreRequest(
            job_id=JOB,
            experiment=ExperimentId(1),
            checkpoint=str(adapters[0]),
            base_model=str(nano_base),
            data=f"lm_eval:{task}",
            data_sha256=None,
            split="guard",
            mapping=mapping,
            metric=MetricName.ACCURACY,
            max_new_tokens=8,
        )
        harness = Harness(PYTHON, tmp_path, tmp_path / "logs")
        return score_with_harness(request.model_copy(update=changed), scorer, harness, say=say)

    return ask


def common(rows: Path) -> dict[str, object]:
    return {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "metadata": {"version": 1.0},
    }


choice: dict[str, object] = {
    "task": "colours_chosen",
    "output_type": "multiple_choice",
    "doc_to_choice": WORDS,
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
    ],
}

generation: dict[str, object] = {
    "task": "colours_said",
    "output_type": "generate_until",
    "generation_kwargs": {"until": ["<|im_end|>"], "do_sample": False},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}


def likeliest(scorer: VllmScorer, base: Path, adapter: Path) -> list[str]:
    """Return the colour that a server, asked without lm_eval, finds likeliest each time."""

    def choose(ready: Ready) -> list[str]:
        chosen = []
        for question in QUESTIONS:
            prompt = ready.api.render([{"role": "user", "content": question}])
            wholes = [prompt + ready.api.tokenise(word) for word in WORDS]
            found = [sum(one[len(prompt) - 1 :]) for one in ready.api.weigh(ready.model, wholes)]
            chosen.append(WORDS[found.index(max(found))])
        return chosen

    return scorer.lend(str(adapter), str(base), choose)


def test_options_are_weighed_by_the_adapter_after_the_chat_template(
    ask: Ask, scorer: VllmScorer, nano_base: Path, adapters: list[Path]
) -> None:
    expected = likeliest(scorer, nano_base, adapters[0])
    wrong = [WORDS[WORDS.index(word) - 1] for word in expected]
    half = len(QUESTIONS) // 2

    measured = ask("colours_chosen", expected[:half] + wrong[half:])

    assert measured.items == (1.0,) * half + (0.0,) * half
    assert measured.value == pytest.approx(0.5)
    assert measured.stderr == pytest.approx(0.104, abs=0.001)
    assert measured.split == "guard"
    assert measured.engine.startswith("vllm 0.")
    assert measured.engine.endswith(", lm_eval 0.4.13 acc by chat template")


def test_answers_are_those_that_the_scorer_itself_gets(
    ask: Ask, scorer: VllmScorer, nano_base: Path, adapters: list[Path]
) -> None:
    expected = answers(scorer, nano_base, QUESTIONS, adapters[0])
    told: list[Progress] = []

    measured = ask("colours_said", [*expected[:-1], "another"], say=told.append)

    assert measured.items == (1.0,) * (len(QUESTIONS) - 1) + (0.0,)
    assert measured.empty_share == pytest.approx(
        sum(not one.strip() for one in expected) / len(QUESTIONS)
    )
    assert {one.phase for one in told} == {"lm_eval colours_said"}


def test_a_task_that_the_harness_does_not_know_is_a_named_failure(ask: Ask) -> None:
    with pytest.raises(ScoringFailed, match="saying 'ValueError: Tasks not found: nothing"):
        ask("nothing", [""] * len(QUESTIONS))

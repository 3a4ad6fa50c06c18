"""Has lm-evaluation-harness ask a vLLM server, and makes a score of what it says."""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.evaluator.lm_eval.results import Result, read_result, score_of
from services.evaluator.scorer import Scorer
from services.evaluator.vllm.adapters import is_adapter
from services.evaluator.vllm.api import ServerGone
from services.evaluator.vllm.scorer import AT_ONCE, IN_ONE, Ready, VllmScorer
from shared.contracts.run import Progress
from shared.contracts.score import Score, ScoreRequest
from shared.errors import ScoringFailed
from trex.processes import last_words, start, stop

ANSWER_S = 600
"""Seconds a request may take."""

LOOK_S = 0.5
"""Seconds between two looks at the process."""

# Neither a path nor a pattern: either would have the harness read what nobody allowed.
_NAMED = re.compile(r"lm_eval:(?P<task>[A-Za-z0-9][A-Za-z0-9_.+()-]*)(?<!\.yaml)")


@dataclass(frozen=True, slots=True)
class Harness:
    """How the harness is started."""

    python: Path
    """Interpreter that has it, which has an environment of its own."""

    tasks: Path | None
    """Folder with YAML files of further tasks; None for those it comes with."""

    logs: Path
    """Folder for what it says."""


def is_harness(data: str) -> bool:
    """Whether a request's data are a task of the harness, well named or not."""
    return data.startswith("lm_eval:")


def score_with_harness(
    request: ScoreRequest, scorer: Scorer, harness: Harness, *, say: Callable[[Progress], None]
) -> Score:
    """Score a model on a task of the harness, ``lm_eval:NAME`` in the request's ``data``.

    Prompts are written with the chat template, and the task says how many shots they have, what
    ends an answer and what is right. A prompt that does not fit loses its beginning, as everywhere
    with the harness. How many answers were cut it does not tell: ``cut_share`` is 0. Its scores are
    not kept: the same is asked again each time.

    Args:
        request: which model and which task; its mapping, metric and shots play no part.
        scorer: serves the model.
        harness: how it is started.
        say: told that the work goes on, and may stop it by raising.

    Raises:
        DataFailed: the items are not those that were scored before.
        ScoringFailed: the task cannot be run so, or its main metric is no number in [0, 1].
    """
    started = time.monotonic()
    task = _task_of(request)
    if not isinstance(scorer, VllmScorer):
        raise ScoringFailed(
            f"{request.data}: wanted a server that the harness can ask, found scorer "
            "transformers; set TREX_EVALUATOR_SCORER=vllm, or leave the task out of guards"
        )
    if not harness.python.is_file():
        raise ScoringFailed(
            f"{request.data}: wanted an interpreter with lm_eval, found none at {harness.python}; "
            "run `make lm-eval`, or set TREX_EVALUATOR_LM_EVAL_PYTHON"
        )
    result = scorer.lend(
        request.checkpoint,
        request.base_model,
        lambda ready: _run(request, task, ready, harness, say),
    )
    return score_of(request, result, engine=scorer.engine, seconds=time.monotonic() - started)


def _task_of(request: ScoreRequest) -> str:
    found = _NAMED.fullmatch(request.data)
    if found is None:
        raise ScoringFailed(
            f"{request.data}: wanted lm_eval: and the name of one task, found another; a task of "
            "your own goes by its name, and its YAML into TREX_EVALUATOR_LM_EVAL_TASKS"
        )
    if request.item_share < 1.0:
        raise ScoringFailed(
            f"{request.data}: wanted all items of the task, found a share of "
            f"{request.item_share}; the harness takes no such share"
        )
    return found["task"]


def _run(
    request: ScoreRequest,
    task: str,
    ready: Ready,
    harness: Harness,
    say: Callable[[Progress], None],
) -> Result:
    log = harness.logs / f"lm_eval-{task}-{os.getpid()}.log"
    with tempfile.TemporaryDirectory() as out:
        command = _command(request, task, ready, harness, Path(out))
        process = start(command, log=log, environment=_environment(ready.api.key))
        try:
            status = _wait(process, lambda: say(Progress(phase=f"lm_eval {task}")))
        finally:
            stop([process])
        if status != 0:
            if not ready.api.is_healthy():
                raise ServerGone("its engine does not answer")
            raise ScoringFailed(
                f"{request.data}: wanted lm_eval to finish, found that it ended with status "
                f"{status} saying {last_words(log)!r}; see {log}"
            )
        return read_result(Path(out), task)


def _wait(process: subprocess.Popen[bytes], look: Callable[[], None]) -> int:
    """Return the status that a process ends with; ``look`` may raise while it runs."""
    while True:
        look()
        try:
            return process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue


def _command(
    request: ScoreRequest, task: str, ready: Ready, harness: Harness, out: Path
) -> list[str]:
    adapter = is_adapter(Path(request.checkpoint))
    model = {
        "model": ready.model,
        "base_url": ready.api.completions,
        "tokenizer": request.base_model if adapter else request.checkpoint,
        # Its remote tokenizer neither fills in the chat template nor asks for many at once.
        "tokenizer_backend": "huggingface",
        "num_concurrent": AT_ONCE,
        "max_length": ready.api.context(),
        "max_gen_toks": request.max_new_tokens,
        "timeout": ANSWER_S,
    }
    command = [str(harness.python), "-P", "-m", "lm_eval", "run", "--model", "local-completions"]
    command += ["--model_args", json.dumps(model), "--batch_size", str(IN_ONE), "--seed", "0"]
    command += ["--tasks", task, "--apply_chat_template", "--log_samples"]
    command += ["--output_path", str(out)]
    return command + (["--include_path", str(harness.tasks)] if harness.tasks else [])


def _environment(key: str) -> dict[str, str]:
    """Code in a task's YAML is the operator's; it needs nothing of ours all the same."""
    ours = ("TREX_", "FTBENCH_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"OPENAI_API_KEY": key}

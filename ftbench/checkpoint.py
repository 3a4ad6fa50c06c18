"""Asks a checkpoint on this machine, through the evaluator: this package needs no torch."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ftbench.outcome import Prediction, Refusal
from ftbench.task import Item
from shared.errors import Rejected, ScoringFailed, TrexError, Unavailable
from trex.processes import last_words, start, stop

LOOK_S = 0.1
"""Seconds between two looks for new answers."""

OWN_WORDS = "generate: "
"""What the evaluator puts before a sentence that is fit to be passed on."""


@dataclass(frozen=True, slots=True)
class CheckpointModel:
    """A model in a folder of this machine."""

    folder: Path
    """Of an adapter or a whole model."""

    @property
    def name(self) -> str:
        """The folder, wherever it is named from."""
        return str(self.folder.resolve())

    @property
    def sampling(self) -> dict[str, Any]:
        """How answers are drawn: greedily."""
        return {"do_sample": False, "repetition_penalty": 1.0}


def answer_by_checkpoint(
    items: Sequence[Item],
    model: CheckpointModel,
    *,
    max_new_tokens: int,
    log: Path,
    engine: Callable[[str], None],
    take: Callable[[Prediction | Refusal], None],
) -> None:
    """Ask every item in a process of its own and hand on the answers, batch by batch.

    The process never outlives this one. An item whose prompt leaves no room for an answer is handed
    on as refused, and the others are asked.

    Args:
        items: what to ask.
        model: whom to ask.
        max_new_tokens: longest answer, in tokens.
        log: where the process writes what else it has to say; kept if it fails.
        engine: told what generates.
        take: called with every outcome.

    Raises:
        Rejected: no such folder, or nothing installed here that could load it.
        ScoringFailed: no model in it that loads, or answering ended early.
    """
    missing = [name for name in ("torch", "transformers", "peft") if find_spec(name) is None]
    if missing:
        raise Rejected(
            f"wanted to load {model.folder}, found {' and '.join(missing)} not installed; run "
            "pip install 'open-trex[local]', or ask a server with a url"
        )
    log.unlink(missing_ok=True)
    with TemporaryDirectory(prefix="ftbench-") as folder:
        questions, answers = Path(folder, "questions.jsonl"), Path(folder, "answers.jsonl")
        _write_questions(items, questions)
        answers.touch()
        options = {
            "--questions": questions,
            "--answers": answers,
            "--max-new-tokens": max_new_tokens,
        }
        command = [sys.executable, "-m", "services.evaluator.generate", str(model.folder)]
        for option, value in options.items():
            command += [option, str(value)]
        with _started(command, log) as process:
            for line in _lines(answers, process):
                row = json.loads(line)
                if "engine" in row:
                    engine(row["engine"])
                elif "failed" in row:
                    take(Refusal(row["id"], row["failed"]))
                else:
                    take(Prediction(row["id"], row["answer"], row["cut"]))
        if process.returncode != 0:
            raise _failure(process.returncode, model, log)
    log.unlink()


def _write_questions(items: Sequence[Item], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            messages = [message.as_dict() for message in item.messages]
            file.write(json.dumps({"id": item.id, "messages": messages}) + "\n")


@contextmanager
def _started(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(command, log=log)
    try:
        yield process
    finally:
        stop([process])


def _lines(path: Path, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file that a process writes, as they come, until it has ended."""
    with path.open("rb") as file:
        rest = b""
        over = False
        while not over:
            over = process.poll() is not None  # before the last look, or its last words are missed
            *lines, rest = (rest + file.read()).split(b"\n")
            yield from lines
            if not lines and not over:
                time.sleep(LOOK_S)


def _failure(status: int, model: CheckpointModel, log: Path) -> TrexError:
    said = last_words(log)
    if not said.startswith(OWN_WORDS):
        return ScoringFailed(
            f"wanted answers from {model.folder}, found that answering ended with status {status}, "
            f"saying {said!r}; see {log}, and call again to go on"
        )
    sentence = said.removeprefix(OWN_WORDS)
    match status:
        case 2:
            return Rejected(sentence)
        case 75:
            return Unavailable(sentence)
        case _:
            return ScoringFailed(sentence)

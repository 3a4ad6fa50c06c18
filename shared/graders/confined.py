"""Grades answers with what a job brings, in a process of its own.

The process starts with an empty environment, holds open nothing but its input and its output, and
confines itself before it runs anything of the user's: see `shared.graders.confinement`.
"""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from shared.contracts.grader import JsonSchemaGrader, PythonGrader, RegexGrader
from shared.errors import ScoringFailed

_ROOT = Path(__file__).parents[2]
_START = "import sys; sys.path[:] = sys.argv[1:]; from shared.graders.child import main; main()"


class Question(NamedTuple):
    """What is judged."""

    prompt: str
    reference: str
    answer: str


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that grading may take."""

    start_s: float = 60.0
    item_s: float = 0.1

    def of(self, items: int) -> int:
        """Return the seconds that so many items may take together."""
        return math.ceil(self.start_s + self.item_s * items)


PATIENCE = Patience()


class Unconfined(ScoringFailed):
    """This machine cannot confine a process, so nothing of a job's runs here."""


def confined_grades(
    grader: PythonGrader | RegexGrader | JsonSchemaGrader,
    questions: Sequence[Question],
    patience: Patience = PATIENCE,
) -> list[float]:
    """Return the grade of each answer, in [0, 1].

    Raises:
        Unconfined: this machine is no Linux with seccomp, or lacks its library.
        ScoringFailed: the grader raises, takes too long, or returns anything else; the message
            names the item.
    """
    seconds = patience.of(len(questions))
    order = {
        "grader": grader.model_dump(mode="json"),
        "seconds": seconds,
        "output_bytes": 100 * len(questions) + 1000,
    }
    with TemporaryFile() as asked, TemporaryFile() as said:
        asked.writelines(json.dumps(line).encode() + b"\n" for line in (order, *questions))
        asked.seek(0)
        ended = _run(asked, said, seconds)
        said.seek(0)
        return _read(said, questions, ended)


def _run(asked: IO[bytes], said: IO[bytes], seconds: int) -> str:
    """Return how the process ended, in words."""
    command = [sys.executable, "-I", "-S", "-c", _START, str(_ROOT), *filter(None, sys.path)]
    child = subprocess.Popen(
        command,
        stdin=asked,
        stdout=said,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"was not done after {seconds} s"
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"was not done after {seconds} s"
    return f"ended with status {child.returncode}"


def _read(said: IO[bytes], questions: Sequence[Question], ended: str) -> list[float]:
    grades: list[float] = []

    def unfit(why: str) -> ScoringFailed:
        return _unfit(len(grades), questions, why)

    for line in said:
        match _parsed(line):
            case {"grade": float(grade)} if 0.0 <= grade <= 1.0 and len(grades) < len(questions):
                grades.append(grade)
            case {"unconfined": str(why)}:
                raise Unconfined(
                    f"wanted a machine that can confine a grader, found none ({why}); score on "
                    "Linux with libseccomp.so.2"
                )
            case {"unfit": str(why)}:
                raise unfit(why)
            case _:
                raise unfit(f"said {line[:80]!r}")
    if len(grades) < len(questions):
        raise unfit(ended)
    return grades


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _unfit(item: int, questions: Sequence[Question], why: str) -> ScoringFailed:
    number = min(item + 1, len(questions))
    answer = questions[number - 1].answer[:40]
    return ScoringFailed(
        f"grader: wanted a grade from 0 to 1 for the answer {answer!r} to item {number}, found "
        f"that it {why}; correct the grader"
    )

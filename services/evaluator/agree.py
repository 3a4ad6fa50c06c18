"""Do both scorers answer alike? Asks them the same questions and shows where they differ.

``python -m services.evaluator.agree CHECKPOINT QUESTIONS`` answers a file of conversations with a
model in this process and with vLLM, by the evaluator's settings. Scores of different scorers can be
compared as far as this says.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from services.evaluator.generate import base_of
from services.evaluator.scorer import Answer, Conversation
from services.evaluator.worker import scorer_of
from shared.errors import Rejected, TrexError, exit_status
from shared.settings import EvaluatorSettings

ENOUGH = 0.99
"""Share of equal answers below which scores are not the same. Not 1: of two tokens that are equally
likely but for rounding, either may be chosen."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write how many answers agree, and each that does not; return 1 when too many do not."""
    parser = argparse.ArgumentParser(prog="agree", description="Compare vLLM with transformers.")
    parser.add_argument("checkpoint", type=Path, help="folder of an adapter or a whole model")
    parser.add_argument("questions", type=Path, help="JSONL with messages")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="default: 64")
    asked = parser.parse_args(argv)
    settings = EvaluatorSettings()
    try:
        questions = _read(asked.questions)
        ours, theirs = (
            _answers(settings.model_copy(update={"scorer": name}), asked, questions)
            for name in ("transformers", "vllm")
        )
    except TrexError as error:
        sys.stderr.write(f"agree: {error}\n")
        return exit_status(error)
    differ = differences(questions, ours, theirs)
    sys.stdout.writelines(f"{one}\n" for one in differ)
    agree = len(questions) - len(differ)
    sys.stdout.write(
        f"{agree} of {len(questions)} answers agree: {agree / len(questions):.2%}, wanted "
        f"{ENOUGH:.0%}\n"
    )
    return 0 if agree >= ENOUGH * len(questions) else 1


def differences(
    questions: Sequence[Conversation], ours: Sequence[Answer], theirs: Sequence[Answer]
) -> list[str]:
    """Return a line for each question that is not answered alike, with both answers."""
    return [
        f"question {number}: {question[-1]['content']!r}: transformers {_said(one)}, vLLM "
        f"{_said(other)}"
        for number, (question, one, other) in enumerate(
            zip(questions, ours, theirs, strict=True), start=1
        )
        if one != other
    ]


def _said(answer: Answer) -> str:
    return f"{answer.text!r}{' and was cut' if answer.cut else ''}"


def _answers(
    settings: EvaluatorSettings, asked: argparse.Namespace, questions: Sequence[Conversation]
) -> list[Answer]:
    found: dict[int, Answer] = {}
    with scorer_of(settings) as scorer:
        for batch in scorer.answer(
            str(asked.checkpoint),
            base_of(asked.checkpoint),
            questions,
            max_new_tokens=asked.max_new_tokens,
        ):
            found |= batch
    return [found[i] for i in range(len(questions))]


def _read(file: Path) -> list[Conversation]:
    try:
        found = [json.loads(line)["messages"] for line in file.read_bytes().splitlines()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Rejected(
            f"{file}: wanted JSON lines with messages, found none that can be read ({error!r}); "
            "correct the file"
        ) from None
    if not found:
        raise Rejected(f"{file}: wanted questions, found an empty file; give at least one")
    return found


if __name__ == "__main__":
    sys.exit(main())

"""Answers with a checkpoint: one prompt, or a file of conversations.

``python -m services.evaluator.generate FOLDER PROMPT`` prints the answer. With ``--questions FILE
--answers FILE`` it is how a program without torch asks a checkpoint: JSON lines in, JSON lines out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.evaluator.scorer import Conversation, Scorer, TooLong
from shared.artifacts.artifacts import Artifacts
from shared.errors import Rejected, TrexError, exit_status
from shared.settings import ArtifactSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer, or write the answers, and return the exit status."""
    parser = argparse.ArgumentParser(prog="generate", description="Answer with a checkpoint.")
    parser.add_argument("checkpoint", help="folder of an adapter or a whole model, or its URL")
    parser.add_argument("prompt", nargs="?")
    parser.add_argument("--questions", type=Path, help="JSONL with id and messages")
    parser.add_argument("--answers", type=Path, help="where the answers go, as they are given")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="default: 64")
    asked = parser.parse_args(argv)
    if (asked.prompt is None) is not (asked.questions is not None and asked.answers is not None):
        parser.error("wanted either a prompt, or both --questions and --answers")
    try:
        with Artifacts(ArtifactSettings()).fetched(asked.checkpoint) as folder:
            _answer_asked(Path(folder), asked)
    except TrexError as error:
        sys.stderr.write(f"generate: {error}\n")
        return exit_status(error)
    return 0


def _answer_asked(checkpoint: Path, asked: argparse.Namespace) -> None:
    if asked.prompt is not None:
        said = answer(checkpoint, asked.prompt, asked.max_new_tokens)
        sys.stdout.write(said + "\n")
    else:
        answer_file(checkpoint, asked.questions, asked.answers, asked.max_new_tokens)


def answer(checkpoint: Path, prompt: str, max_new_tokens: int) -> str:
    """Return a checkpoint's greedy answer to one user message.

    Raises:
        Rejected: no such folder.
        ScoringFailed: it holds no model that loads.
    """
    base = base_of(checkpoint)
    [batch] = _scorer().answer(
        str(checkpoint),
        base,
        [[{"role": "user", "content": prompt}]],
        max_new_tokens=max_new_tokens,
    )
    return batch[0].text


def answer_file(checkpoint: Path, questions: Path, answers: Path, max_new_tokens: int) -> None:
    """Write a checkpoint's greedy answers to a file of questions, each batch when it is done.

    The first line is ``{"engine"}``. Each further one is ``{"id", "answer", "cut"}``, or ``{"id",
    "failed"}`` with the reason when a question does not fit into the model's context. They come in
    no particular order.

    Args:
        checkpoint: folder of an adapter or a whole model.
        questions: JSON lines of ``{"id", "messages"}``.
        answers: created, or overwritten.
        max_new_tokens: longest answer, in tokens.

    Raises:
        Rejected: no such folder.
        ScoringFailed: it holds no model that loads.
    """
    base = base_of(checkpoint)
    lines = map(json.loads, questions.read_bytes().splitlines())
    asked = {line["id"]: line["messages"] for line in lines}
    scorer = _scorer()
    with answers.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"engine": scorer.engine}) + "\n")
        for batch in _answered(scorer, str(checkpoint), base, asked, max_new_tokens):
            file.writelines(json.dumps(line) + "\n" for line in batch)
            file.flush()


def _answered(
    scorer: Scorer,
    checkpoint: str,
    base: str,
    asked: Mapping[str, Conversation],
    max_new_tokens: int,
) -> Iterator[list[dict[str, Any]]]:
    ids = list(asked)
    try:
        for batch in scorer.answer(
            checkpoint, base, list(asked.values()), max_new_tokens=max_new_tokens
        ):
            yield [
                {"id": ids[i], "answer": said.text, "cut": said.cut} for i, said in batch.items()
            ]
        return
    except TooLong as refusal:
        room, too_long = refusal.room, {ids[i]: n for i, n in refusal.tokens.items()}
    yield [
        {"id": id, "failed": f"has {tokens} tokens where the model has room for {room}"}
        for id, tokens in too_long.items()
    ]
    fits = {id: messages for id, messages in asked.items() if id not in too_long}
    if fits:
        yield from _answered(scorer, checkpoint, base, fits, max_new_tokens)


def base_of(checkpoint: Path) -> str:
    """Return what a checkpoint's adapter is put on, or the checkpoint itself."""
    if not checkpoint.is_dir():
        raise Rejected(f"wanted a checkpoint's folder, found none at {checkpoint}; check the path")
    adapter = checkpoint / "adapter_config.json"
    if not adapter.is_file():
        return str(checkpoint)
    return str(json.loads(adapter.read_text())["base_model_name_or_path"])


def _scorer() -> Scorer:
    from services.evaluator.in_process import TransformersScorer  # takes seconds to import

    return TransformersScorer()


if __name__ == "__main__":
    sys.exit(main())

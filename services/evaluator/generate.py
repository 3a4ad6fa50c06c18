"""Answers one prompt with a checkpoint: ``python -m services.evaluator.generate FOLDER PROMPT``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.errors import Rejected, TrexError, exit_status
from shared.rows import Sample


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer and return the exit status."""
    parser = argparse.ArgumentParser(prog="generate", description="Answer one prompt.")
    parser.add_argument("checkpoint", type=Path, help="folder of an adapter or a whole model")
    parser.add_argument("prompt")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="default: 64")
    arguments = parser.parse_args(argv)
    try:
        sys.stdout.write(
            answer(arguments.checkpoint, arguments.prompt, arguments.max_new_tokens) + "\n"
        )
    except TrexError as error:
        sys.stderr.write(f"generate: {error}\n")
        return exit_status(error)
    return 0


def answer(checkpoint: Path, prompt: str, max_new_tokens: int) -> str:
    """Return a checkpoint's greedy answer to one user message.

    Raises:
        Rejected: no such folder.
        ScoringFailed: it holds no model that loads.
    """
    from services.evaluator.in_process import TransformersScorer  # takes seconds to import

    if not checkpoint.is_dir():
        raise Rejected(f"wanted a checkpoint's folder, found none at {checkpoint}; check the path")
    adapter = checkpoint / "adapter_config.json"
    base = (
        json.loads(adapter.read_text())["base_model_name_or_path"]
        if adapter.is_file()
        else str(checkpoint)
    )
    [said] = TransformersScorer().answer(
        str(checkpoint),
        base,
        [Sample(prompt, "")],
        max_new_tokens=max_new_tokens,
        on_progress=lambda _: None,
    )
    return said.text


if __name__ == "__main__":
    sys.exit(main())

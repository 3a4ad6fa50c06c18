"""Prepared samples as the rows other tools read."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shared.rows import Sample


def as_prompt_and_completion(sample: Sample) -> dict[str, Any]:
    """Return TRL's conversational prompt-completion type."""
    return {"prompt": sample.messages(), "completion": [_answer(sample)]}


def as_messages(sample: Sample) -> dict[str, Any]:
    """Return one conversation in OpenAI's format, the answer last."""
    return {"messages": [*sample.messages(), _answer(sample)]}


def write_samples(
    path: Path, samples: Iterable[Sample], row: Callable[[Sample], dict[str, Any]]
) -> None:
    """Write one JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row(one), ensure_ascii=False) + "\n" for one in samples)


def _answer(sample: Sample) -> dict[str, str]:
    return {"role": "assistant", "content": sample.completion}

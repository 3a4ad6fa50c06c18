"""Drops samples that are too long to be worth training on."""

from services.executor.operators.judging import Judge
from shared.rows import Sample


def filter_by_length(*, max_prompt_chars: int, max_completion_chars: int) -> Judge:
    """Return a judge of both bounds, in characters; the bounds themselves are within.

    Not in tokens, for these need a tokenizer; see `tokens`.
    """

    def judge(sample: Sample) -> str | None:
        if len(sample.prompt) > max_prompt_chars:
            return "prompt too long"
        return "completion too long" if len(sample.completion) > max_completion_chars else None

    return judge

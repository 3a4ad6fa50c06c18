"""What makes two samples the same."""

from typing import Literal

from shared.rows import Sample


def asked_and_answered(sample: Sample, by: Literal["prompt", "sample"]) -> list[str]:
    """Return what makes two samples the same.

    By ``prompt`` all that was said before the answer, by ``sample`` the answers too.
    """
    asked = [sample.system or "", *(turn.content for turn in sample.history), sample.prompt]
    return asked if by == "prompt" else [*asked, sample.completion, sample.rejected or ""]

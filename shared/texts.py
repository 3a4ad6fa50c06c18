"""Which texts of a sample an operator looks at."""

from shared.contracts.operators import Part
from shared.rows import Sample


def texts_of(sample: Sample, part: Part = "sample") -> list[str]:
    """Return the texts of a part of a sample, as they were said; never none.

    The whole sample is its system message, what was said before, prompt, answer and worse answer.
    """
    match part:
        case "prompt":
            return [sample.prompt]
        case "completion":
            return [sample.completion]
        case "sample":
            turns = [turn.content for turn in sample.history]
            outer = (sample.system, *turns, sample.prompt, sample.completion, sample.rejected)
            return [text for text in outer if text is not None]

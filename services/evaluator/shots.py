"""Training rows as examples before a question: how far a base model comes without training."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from services.evaluator.scorer import Conversation
from shared.contracts.score import ScoreRequest
from shared.errors import DataFailed
from shared.rows import Sample, read_samples


def with_shots(questions: Sequence[Conversation], request: ScoreRequest) -> Sequence[Conversation]:
    """Return each question with training rows put before it, as turns of user and assistant.

    Which rows goes by a hash of their place, so they are the same for every question and on any
    machine. A row whose prompt is the question's is never shown to it: the next one is. The
    question's system prompt stays first; those of the rows are left out.

    Raises:
        DataFailed: the rows cannot be read, or there are too few that differ.
    """
    if not request.shots:
        return questions
    if request.shots_data is None:
        raise DataFailed(
            f"wanted training rows for {request.shots} shots, found none named; give shots_data"
        )
    path = Path(request.shots_data)
    # One more than are shown: a question may be the prompt of one.
    drawn = _drawn(read_samples(path, request.mapping), request.shots + 1)
    return [_shown(question, drawn, request) for question in questions]


def _drawn(samples: Iterable[Sample], count: int) -> list[Sample]:
    """Return the first samples by the hash of their place, each with another prompt.

    Only those are held: a prompt that fell out can come back by a lower hash alone.
    """
    first: dict[str, tuple[bytes, Sample]] = {}
    for place, sample in enumerate(samples):
        rank, prompt = hashlib.sha256(str(place).encode()).digest(), sample.prompt.strip()
        if sample.fault or (prompt in first and first[prompt][0] <= rank):
            continue
        first[prompt] = rank, sample
        if len(first) > count:
            del first[max(first, key=lambda one: first[one][0])]
    return [sample for _, sample in sorted(first.values(), key=lambda one: one[0])]


def _shown(question: Conversation, drawn: Sequence[Sample], request: ScoreRequest) -> Conversation:
    asked = question[-1]["content"].strip()
    able = [sample for sample in drawn if sample.prompt.strip() != asked][: request.shots]
    if len(able) < request.shots:
        raise DataFailed(
            f"{request.shots_data}: wanted {request.shots} rows with prompts that differ from each "
            f"other and from the question's, found {len(able)}; lower baselines.shots"
        )
    system = [turn for turn in question[:1] if turn["role"] == "system"]
    shots = [turn for sample in able for turn in _turns(sample)]
    return [*system, *shots, *question[len(system) :]]


def _turns(sample: Sample) -> Iterator[dict[str, str]]:
    for turn in sample.messages():
        if turn["role"] != "system":
            yield turn
    yield {"role": "assistant", "content": sample.completion}

"""A language model as a grader.

What it is told stands in ``judge.md``. A reply is kept under the hash of that, of the model's name
and of what is judged, so that who scores again after a failure asks nothing twice.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from shared.asking.asker import RETRIES, Asker
from shared.asking.pace import Pace
from shared.asking.question import Question, Reply, Shape, read_as
from shared.asking.replies import Replies
from shared.contracts.grader import JudgeGrader
from shared.errors import DataFailed, ScoringFailed
from shared.graders import confined
from shared.settings import JudgeSettings

INSTRUCTIONS = (Path(__file__).parent / "judge.md").read_text(encoding="utf-8")

MAX_TOKENS = 1000
"""Of a reply: some models think before they answer."""


class Verdict(Shape):
    """What a judge replies. The reason comes first, so that the grade follows from it."""

    reason: str
    grade: int = Field(ge=0, le=10, strict=True)


class JudgeRefused(ScoringFailed):
    """A judge's server refuses to answer, whatever the rows."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A language model that can be asked for grades."""

    settings: JudgeSettings
    """Where it is, and how it may be asked."""

    replies: Path
    """File in which its replies are kept."""

    retries: int = RETRIES
    """Times a question is asked again while the server is busy or away."""

    def grades(self, grader: JudgeGrader, questions: Sequence[confined.Question]) -> list[float]:
        """Return a grade for each answer, in [0, 1]. An empty one earns 0 and is not asked about.

        A reply that cannot be read is asked for once more.

        Raises:
            JudgeRefused: the server does.
            ScoringFailed: a reply cannot be read; the message names the item.
            Unavailable: the server is away for longer than the retries last. What was replied is
                kept.
        """
        pace = Pace(self.settings.requests_per_minute)
        try:
            _make(self.replies.parent)
            with (
                closing(Replies(self.replies)) as replies,
                Asker(self.settings, replies, pace=pace, retries=self.retries) as asker,
            ):
                return _grades(asker, [_asked(grader, one) for one in questions])
        except DataFailed as error:
            raise JudgeRefused(f"grader: {error}") from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFailed(
            f"{folder}: wanted a folder for a judge's replies, found: {error.strerror}; correct "
            "its rights"
        ) from None


def _grades(asker: Asker, asked: Sequence[Question | None]) -> list[float]:
    tasks = [None if question is None else asker.start(question) for question in asked]
    found = []
    for number, (question, task) in enumerate(zip(asked, tasks, strict=True), start=1):
        if question is None or task is None:
            found.append(0.0)
            continue
        reply = asker.result(task)
        if _verdict(reply) is None:
            reply = asker.result(asker.start(_again(question, reply)))
        verdict = _verdict(reply)
        if verdict is None:
            raise ScoringFailed(
                f"grader: wanted a judge's reason and grade for item {number}, found twice "
                f"{reply.fault or 'something else'}: {reply.text[:80]!r}; name another model"
            )
        found.append(verdict.grade / 10)
    return found


def _asked(grader: JudgeGrader, one: confined.Question) -> Question | None:
    if not one.answer.strip():
        return None
    material = {
        "criterion": grader.criterion,
        "question": one.prompt,
        "reference": one.reference,
        "answer": one.answer,
    }
    messages = [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": json.dumps(material, ensure_ascii=False)},
    ]
    return Question(grader.model, messages, MAX_TOKENS, temperature=0.0, seed=0, shape=Verdict)


def _again(question: Question, reply: Reply) -> Question:
    wrong = (
        "Wanted JSON with a reason in one sentence and a whole number from 0 to 10 as grade, found "
        f"{reply.fault or 'something else'}. Reply with that JSON alone."
    )
    more = [{"role": "assistant", "content": reply.text}, {"role": "user", "content": wrong}]
    return replace(question, messages=[*question.messages, *more])


def _verdict(reply: Reply) -> Verdict | None:
    return None if reply.fault else read_as(Verdict, reply.text)

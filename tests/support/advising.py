"""An adviser that says what a test has written down."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.researcher.llm.adviser import REPAIRS, ModelUseless, Tool
from services.researcher.llm.prompts import Prompt
from shared.asking.question import Shape, read_as
from shared.contracts.counsel import Counsel
from shared.errors import Rejected

S = TypeVar("S", bound=Shape)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, as it reached the adviser."""

    prompt: Prompt
    told: str
    shape: type[Shape]
    wrong: str | None
    """What was said to be wrong with the answer before; None of a first question."""


class ScriptedAdviser:
    """An `Adviser` that replies what it was given, in order, and remembers what it was asked.

    A reply goes the way of a real one: it is read as its shape and checked, and the next is taken
    after what was wrong is told, at most `REPAIRS` times. It counts a token for four characters.
    """

    def __init__(self, replies: Mapping[str, Sequence[object]], room: int = 8000) -> None:
        """Take the replies to each shape, by its name: text, or what JSON is written from."""
        self.room = room
        self.asked: list[Asked] = []
        self._replies = {name: list(given) for name, given in replies.items()}
        self._repaired = 0

    def count(self, text: str) -> int:
        """Return how many tokens a text has."""
        return -(-len(text) // 4)

    def ask(
        self,
        prompt: Prompt,
        told: str,
        shape: type[S],
        *,
        check: Callable[[S], None] = lambda _: None,
        tools: Sequence[Tool] = (),
    ) -> S:
        """Return the next reply of a shape that passes the check."""
        wrong = None
        for attempt in range(REPAIRS + 1):
            self.asked.append(Asked(prompt, told, shape, wrong))
            answer = _read(shape, self._next(shape))
            if answer is None:
                wrong = f"wanted JSON as the schema of {shape.__name__} says, found something else"
                continue
            try:
                check(answer)
            except Rejected as error:
                wrong = str(error)
                continue
            self._repaired += attempt > 0
            return answer
        raise ModelUseless(
            f"wanted a {shape.__name__}, found none after {REPAIRS} repairs: {wrong}"
        )

    @property
    def counsel(self) -> Counsel:
        """What was asked so far; it costs nothing."""
        used = tuple(dict.fromkeys(asked.prompt.id for asked in self.asked))
        return Counsel(
            model="scripted", prompts=used, calls=len(self.asked), repaired=self._repaired
        )

    def _next(self, shape: type[Shape]) -> object:
        left = self._replies.get(shape.__name__, [])
        if not left:
            raise ModelUseless(f"no reply of shape {shape.__name__} is left")
        return left.pop(0)


def _read(shape: type[S], reply: object) -> S | None:
    text = reply if isinstance(reply, str) else json.dumps(reply)
    return read_as(shape, text)

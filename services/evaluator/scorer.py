"""What answers the items of an evaluation, whatever runs the model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isnan
from typing import Protocol

from shared.errors import ScoringFailed

Conversation = Sequence[Mapping[str, str]]
"""What a model reads before it answers: chat messages, each with ``role`` and ``content``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to one conversation."""

    text: str
    """Without special tokens, and without bytes at its end that make no whole character."""

    cut: bool
    """Whether it was still talking when its tokens were used up."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """How a model finds a given answer, the end of its turn included."""

    total: float
    """Sum of the log-probabilities of its tokens, in nats; at most 0."""

    tokens: int
    """How many those are, at least one."""

    def __post_init__(self) -> None:
        """Refuse what no model of sound weights computes."""
        if isnan(self.total):
            raise ScoringFailed(
                "wanted the log-probability of an answer, found NaN: what the model computes is no "
                "number; lower learning_rate"
            )

    @property
    def likelihood(self) -> float:
        """``exp`` of the mean log-probability of a token, in [0, 1]."""
        return exp(min(0.0, self.total / self.tokens))


class TooLong(ScoringFailed):
    """Conversations leave no room in the model's context for an answer."""

    def __init__(self, *, tokens: Mapping[int, int], context: int, max_new_tokens: int) -> None:
        self.tokens = tokens
        """Of each that is too long, by its position, counted from 0."""
        self.room = context - max_new_tokens
        """The tokens a conversation may have."""
        longest = max(tokens, key=lambda i: tokens[i])
        super().__init__(
            f"wanted prompts of at most {self.room} tokens, so that {max_new_tokens} new ones fit "
            f"into the model's {context}, found item {longest + 1} with {tokens[longest]}; shorten "
            "it or lower limits.max_new_tokens"
        )


class Scorer(Protocol):
    """Generates answers, greedily: the same checkpoint gives the same answers."""

    @property
    def engine(self) -> str:
        """Names what generates, with version and device; stands beside every score."""
        ...

    def answer(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        *,
        max_new_tokens: int,
    ) -> Iterator[dict[int, Answer]]:
        """Yield batch after batch of answers, by position; in the end there is one to each.

        Between batches the caller has the word: who stops asking for the next stops the work. The
        reference answers are never shown to the model.

        Args:
            checkpoint: folder of an adapter or a whole model, or a hub id.
            base_model: what an adapter is put on.
            conversations: what to answer; at least one.
            max_new_tokens: longest answer, in tokens.

        Raises:
            TooLong: some do not fit; before anything is generated.
            ScoringFailed: the model cannot be loaded.
        """
        ...

    def weigh(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        answers: Sequence[str],
    ) -> Iterator[dict[int, Weighed]]:
        """Yield batch after batch how the model finds a given answer, by position.

        An answer that passes the end of the model's context is cut there.

        Args:
            checkpoint: as in `answer`.
            base_model: as in `answer`.
            conversations: what came before each answer; at least one.
            answers: one to each conversation.

        Raises:
            TooLong: a conversation leaves no room for a single token; before anything is computed.
            ScoringFailed: the model cannot be loaded.
        """
        ...

    def render(
        self, checkpoint: str, base_model: str, conversations: Sequence[Conversation]
    ) -> list[list[int]]:
        """Return the token ids of each conversation, up to where the answer begins.

        Args:
            checkpoint: as in `answer`.
            base_model: as in `answer`.
            conversations: what to write out.

        Raises:
            ScoringFailed: the model cannot be loaded.
        """
        ...

"""`services.evaluator.scorer.Scorer` with vLLM: adapters are loaded into servers that are up."""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from services.evaluator.scorer import Answer, Conversation, TooLong, Weighed
from services.evaluator.vllm.adapters import check_adapter, is_adapter
from services.evaluator.vllm.api import Api, Ids, ServerGone
from services.evaluator.vllm.server import Model
from shared.errors import ScoringFailed
from shared.telemetry.spans import span

S = TypeVar("S")
T = TypeVar("T")

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Requests that wait at the same time, so that the engine always has prompts left to begin.

With `IN_ONE` that is as many prompts as vLLM works on at once (``--max-num-seqs``, 256 by default).
Answers of 64 tokens a second, of a nano model on two cores shared with others: 0.9 by one prompt at
a time, 8 by one request of 32, 25 by 8 requests of 32, no more by 16 of 32 (20) or 8 of 64 (19).
"""

IN_ONE = 32
"""Prompts of one request; what is answered is heard of when all of them are."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that a server answers with."""

    api: Api
    model: str
    """Its name there."""


class Servers(Protocol):
    """Where models are served. A server that is asked for may go away at any moment."""

    @property
    def engine(self) -> str:
        """What a score says of them: vLLM, its version, and whose it is."""
        ...

    @property
    def max_lora_rank(self) -> int:
        """Highest rank of an adapter that they take."""
        ...

    @property
    def advice(self) -> str:
        """What to do when they do not answer: the end of a sentence."""
        ...

    def api(self, model: Model) -> Api:
        """Return a server of a model.

        Raises:
            ServerGone: it does not answer.
            ScoringFailed: there can be none.
        """
        ...

    def gone(self, model: Model) -> None:
        """Take note that the model's server does not answer; return when it may be asked again."""
        ...

    def close(self) -> None:
        """End those that were started here."""
        ...


@dataclass(frozen=True, slots=True)
class VllmScorer:
    """See `services.evaluator.scorer.Scorer`."""

    servers: Servers

    @property
    def engine(self) -> str:
        """See `services.evaluator.scorer.Scorer.engine`."""
        return self.servers.engine

    def answer(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        *,
        max_new_tokens: int,
    ) -> Iterator[dict[int, Answer]]:
        """See `services.evaluator.scorer.Scorer.answer`."""

        def once(ready: Ready, missing: Sequence[int]) -> Iterator[dict[int, Answer]]:
            api = ready.api
            stop = api.end()
            prompts = _rendered(api, conversations)
            _refuse_too_long(prompts, max_new_tokens, api.context())

            def ask(some: Sequence[int]) -> dict[int, Answer]:
                said = api.complete(
                    ready.model,
                    [prompts[i] for i in some],
                    max_new_tokens=max_new_tokens,
                    stop=stop,
                )
                return dict(zip(some, said, strict=True))

            return _in_parallel(ask, parts(missing, prompts))

        return self._until_done(checkpoint, base_model, len(conversations), once)

    def render(
        self, checkpoint: str, base_model: str, conversations: Sequence[Conversation]
    ) -> list[list[int]]:
        """See `services.evaluator.scorer.Scorer.render`."""

        def once(ready: Ready, missing: Sequence[int]) -> Iterator[dict[int, Ids]]:
            found = _rendered(ready.api, [conversations[i] for i in missing])
            yield dict(zip(missing, found, strict=True))

        [found] = self._until_done(checkpoint, base_model, len(conversations), once)
        return [found[i] for i in range(len(conversations))]

    def weigh(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        answers: Sequence[str],
    ) -> Iterator[dict[int, Weighed]]:
        """See `services.evaluator.scorer.Scorer.weigh`."""

        def once(ready: Ready, missing: Sequence[int]) -> Iterator[dict[int, Weighed]]:
            api = ready.api
            stop, room = api.end(), api.context() - 1  # vLLM adds a token to what it weighs
            prompts = _rendered(api, conversations)
            _refuse_too_long(prompts, 1, room)
            said = _mapped(api.tokenise, answers)
            wholes = [(prompts[i] + said[i] + [stop])[:room] for i in range(len(prompts))]

            def weigh(some: Sequence[int]) -> dict[int, Weighed]:
                found = api.weigh(ready.model, [wholes[i] for i in some])
                # The first token of a prompt has no probability: what follows begins one earlier.
                return {
                    i: Weighed(sum(logs[len(prompts[i]) - 1 :]), len(wholes[i]) - len(prompts[i]))
                    for i, logs in zip(some, found, strict=True)
                }

            return _in_parallel(weigh, parts(missing, prompts))

        return self._until_done(checkpoint, base_model, len(conversations), once)

    def lend(self, checkpoint: str, base_model: str, use: Callable[[Ready], T]) -> T:
        """Return what somebody else makes of a model that a server answers with.

        Args:
            checkpoint: as in `answer`.
            base_model: as in `answer`.
            use: called once more, with a server that is up again, when it raises `ServerGone`.

        Raises:
            ScoringFailed: the model cannot be served.
        """

        def once(ready: Ready, _: Sequence[int]) -> Iterator[dict[int, T]]:
            yield {0: use(ready)}

        [found] = self._until_done(checkpoint, base_model, 1, once)
        return found[0]

    def _until_done(
        self,
        checkpoint: str,
        base_model: str,
        count: int,
        once: Callable[[Ready, Sequence[int]], Iterator[dict[int, T]]],
    ) -> Iterator[dict[int, T]]:
        """Yield batches until there is one to each; once, what a lost server leaves is repeated."""
        missing = set(range(count))
        model = _model_of(checkpoint, base_model)
        lost = ""
        for _ in range(2):
            try:
                with self._ready(checkpoint, model) as ready:
                    for batch in once(ready, sorted(missing)):
                        missing -= batch.keys()
                        yield batch
                return
            except ServerGone as gone:
                lost = str(gone)
                self.servers.gone(model)
        raise ScoringFailed(
            f"{checkpoint}: wanted vLLM to stay up, found that it went away twice, with "
            f"{len(missing)} of {count} questions unanswered ({lost}); {self.servers.advice}"
        )

    @contextmanager
    def _ready(self, checkpoint: str, model: Model) -> Iterator[Ready]:
        """Have the model answered with; an adapter is loaded under a name of its own."""
        if not is_adapter(Path(checkpoint)):
            with span("load"):
                api = self.servers.api(model)
            yield Ready(api, api.base)
            return
        check_adapter(Path(checkpoint), model.name, max_rank=self.servers.max_lora_rank)
        # vLLM may answer from what it kept of an earlier adapter of the same name.
        name = uuid.uuid4().hex
        with span("load"):
            api = self.servers.api(model)
            api.load(name, str(Path(checkpoint).resolve()))
        try:
            yield Ready(api, name)
        finally:
            try:
                api.unload(name)
            except ServerGone:
                pass  # and the adapter with it
            except ScoringFailed as error:
                logger.warning("%s stays loaded: %s", checkpoint, error)


def _model_of(checkpoint: str, base_model: str) -> Model:
    """Return what must be served: a base model with room for adapters, or another as it is."""
    if is_adapter(Path(checkpoint)):
        return Model(base_model, adapters=True)
    return Model(checkpoint, adapters=checkpoint == base_model)


def _rendered(api: Api, conversations: Sequence[Conversation]) -> list[Ids]:
    return _mapped(api.render, conversations)


def _refuse_too_long(prompts: Sequence[Ids], max_new_tokens: int, context: int) -> None:
    tokens = {i: len(one) for i, one in enumerate(prompts) if len(one) + max_new_tokens > context}
    if tokens:
        raise TooLong(tokens=tokens, context=context, max_new_tokens=max_new_tokens)


def parts(positions: Sequence[int], prompts: Sequence[Ids]) -> list[Sequence[int]]:
    """Return what goes into each request: prompts that begin alike are next to each other.

    What they share is then computed once and still at hand, which vLLM calls prefix caching.
    """
    alike = sorted(positions, key=lambda i: prompts[i])
    return [alike[at : at + IN_ONE] for at in range(0, len(alike), IN_ONE)]


def _mapped(ask: Callable[[S], T], each: Sequence[S]) -> list[T]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, each))


def _in_parallel(ask: Callable[[S], T], each: Sequence[S]) -> Iterator[T]:
    """Yield what is answered, in the order of answering."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for done in as_completed([pool.submit(ask, one) for one in each]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)

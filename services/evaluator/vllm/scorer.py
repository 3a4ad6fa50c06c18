"""`services.evaluator.scorer.Scorer` with vLLM: adapters are loaded into a server that is up."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from services.evaluator.scorer import Answer, Conversation, TooLong, Weighed
from services.evaluator.vllm.adapters import check_adapter, is_adapter
from services.evaluator.vllm.api import BASE, Api, Ids, ServerGone
from services.evaluator.vllm.server import Served, Server, start_server
from shared.errors import ScoringFailed

S = TypeVar("S")
T = TypeVar("T")

AT_ONCE = 8
"""Requests that wait at the same time, so that the engine always has prompts left to begin."""

IN_ONE = 32
"""Prompts of one request."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that a server answers with."""

    api: Api
    model: str
    """Its name there."""


@dataclass(slots=True)
class VllmScorer:
    """Keeps the server of the model that was asked for last, until `stop`."""

    how: Served
    _server: Server | None = field(default=None, init=False)
    _serves: tuple[str, bool] | None = field(default=None, init=False)
    _version: str = field(default="", init=False)

    @property
    def engine(self) -> str:
        """See `services.evaluator.scorer.Scorer.engine`."""
        return f"vllm {self._version}"

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

            return _in_parallel(ask, _parts(missing))

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

            return _in_parallel(weigh, _parts(missing))

        return self._until_done(checkpoint, base_model, len(conversations), once)

    def stop(self) -> None:
        """End the server, if there is one."""
        if self._server is not None:
            self._server.stop()
        self._server = self._serves = None

    def _until_done(
        self,
        checkpoint: str,
        base_model: str,
        count: int,
        once: Callable[[Ready, Sequence[int]], Iterator[dict[int, T]]],
    ) -> Iterator[dict[int, T]]:
        """Yield batches until there is one to each; a server that dies is started again once."""
        missing = set(range(count))
        died = ""
        for _ in range(2):
            try:
                with self._ready(checkpoint, base_model) as ready:
                    for batch in once(ready, sorted(missing)):
                        missing -= batch.keys()
                        yield batch
                return
            except ServerGone as gone:
                died = str(gone)
                self.stop()
        raise ScoringFailed(
            f"{checkpoint}: wanted vLLM to answer all {count} items, found that it died twice "
            f"({died}); see its log in {self.how.logs}"
        )

    @contextmanager
    def _ready(self, checkpoint: str, base_model: str) -> Iterator[Ready]:
        """Have the model answered with; an adapter is loaded under a name of its own."""
        if not is_adapter(Path(checkpoint)):
            yield Ready(self._api(checkpoint, adapters=checkpoint == base_model), BASE)
            return
        check_adapter(Path(checkpoint), base_model, max_rank=self.how.max_lora_rank)
        api = self._api(base_model, adapters=True)
        # vLLM may answer from what it kept of an earlier adapter of the same name.
        name = uuid.uuid4().hex
        api.load(name, str(Path(checkpoint).resolve()))
        try:
            yield Ready(api, name)
        finally:
            if self._server is not None:
                api.unload(name)

    def _api(self, model: str, *, adapters: bool) -> Api:
        if self._server is None or self._serves != (model, adapters):
            self.stop()
            self._server = start_server(model, self.how, adapters=adapters)
            self._serves = model, adapters
            self._version = self._server.api.version()
        return self._server.api


def _rendered(api: Api, conversations: Sequence[Conversation]) -> list[Ids]:
    return _mapped(api.render, conversations)


def _refuse_too_long(prompts: Sequence[Ids], max_new_tokens: int, context: int) -> None:
    tokens = {i: len(one) for i, one in enumerate(prompts) if len(one) + max_new_tokens > context}
    if tokens:
        raise TooLong(tokens=tokens, context=context, max_new_tokens=max_new_tokens)


def _parts(positions: Sequence[int]) -> list[Sequence[int]]:
    return [positions[at : at + IN_ONE] for at in range(0, len(positions), IN_ONE)]


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

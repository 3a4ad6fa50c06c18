"""Asks one server, many questions at a time, none of them twice."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

from shared.asking.pace import Pace
from shared.asking.question import Question, Reply
from shared.asking.replies import Replies
from shared.endpoints import address_of, refuse_odd_key
from shared.errors import DataFailed, Rejected, Unavailable
from shared.genai import Chat, chat
from shared.settings import EndpointSettings

logger = logging.getLogger(__name__)

RETRIES = 20
"""Times a question is asked again while the server is busy or away: for two minutes, or as long as
the server says."""

TIMEOUT_S = 300.0
"""Seconds a reply may take."""

CONNECT_S = 10.0
"""Seconds a connection may take."""

REFUSED = "refused by the model"
"""The fault of a reply to a question that the server would not pass on, or its model not answer."""

CUT_OFF = "cut off at max_tokens"
"""The fault of a reply that would teach never to come to an end."""

NOT_TEXT = "reply is not text"
"""The fault of a reply that cannot be written down."""


class Asker:
    """Takes questions at any time and answers them while somebody waits for a result.

    A context manager: leaving it ends the requests under way. It may be used by one thread.
    """

    def __init__(
        self, settings: EndpointSettings, replies: Replies, *, pace: Pace, retries: int = RETRIES
    ) -> None:
        """Take where the server is, what it replied before, and how fast it may be asked.

        Raises:
            DataFailed: the settings name no server, or hold a key that cannot be sent.
        """
        self._prefix = prefix = settings.prefix
        key = None if settings.key is None else settings.key.get_secret_value()
        try:
            self.address = address_of(settings.url or "")
            refuse_odd_key(key)
        except Rejected as wrong:
            raise DataFailed(f"{prefix}URL or {prefix}KEY: {wrong}") from None
        self._key = key
        self._replies = replies
        self._free = asyncio.Semaphore(settings.concurrency)
        self._under_way: WeakValueDictionary[str, asyncio.Task[Reply]] = WeakValueDictionary()
        self._runner = asyncio.Runner()
        self._client = _client(self.address, key, pace, retries)

    def start(self, question: Question) -> asyncio.Task[Reply]:
        """Return the task of getting a reply; the one under way if there is one."""
        key = question.key
        task = self._under_way.get(key)
        if task is None:
            task = self._runner.get_loop().create_task(self._reply(key, question))
            self._under_way[key] = task
        return task

    def result(self, task: asyncio.Task[Reply]) -> Reply:
        """Wait for a reply, while others are waited for too.

        Raises:
            DataFailed: the server refuses the key, the model or the request, or speaks something
                else, or the reply cannot be kept.
            Unavailable: it is away, busy or broken for longer than the retries last.
        """

        async def wait() -> Reply:
            return await task

        return self._runner.run(wait())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._leave())
        self._runner.close()

    async def _leave(self) -> None:
        left = list(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._client.close()

    async def _reply(self, key: str, question: Question) -> Reply:
        known = self._replies.find(key)
        if known is not None:
            return known
        async with self._free:
            reply = await self._asked(question)
        # A refusal costs nothing, and the server may think otherwise tomorrow.
        return reply if reply.tokens == 0 else self._replies.keep(key, reply)

    async def _asked(self, question: Question) -> Reply:
        import openai

        try:
            with chat(question.model, self.address) as asked:
                completion = await self._client.chat.completions.create(**question.request)
                _note(asked, completion)
        except openai.APIStatusError as error:
            return self._refusal(question, error)
        except openai.APIConnectionError as error:
            why = self._short(repr(error.__cause__ or error))
            raise Unavailable(
                f"wanted replies from {self.address}, found that none came ({why}); check "
                f"{self._prefix}URL, or try again when the server is up: what it replied is kept"
            ) from None
        except (openai.OpenAIError, ValueError) as error:
            raise self._no_chat(error) from None
        return self._read(completion)

    def _read(self, completion: object) -> Reply:
        """Return what a completion says. Its form is looked at: the client takes any.

        Raises:
            DataFailed: it is none, or says not what it cost, so that no budget could be kept.
        """
        from openai.types.chat import ChatCompletion

        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise self._no_chat(completion)
        if completion.usage is None or completion.usage.total_tokens < 1:
            raise DataFailed(
                f"wanted from {self.address} how many tokens a reply cost, found that it does not "
                "say; a budget needs a server that reports usage"
            )
        tokens = completion.usage.total_tokens
        choice = completion.choices[0]
        text = choice.message.content or ""
        if not _is_text(text):
            return Reply("", tokens, NOT_TEXT)
        match choice.finish_reason:
            case "stop":
                return Reply(text, tokens)
            case "length":
                return Reply(text, tokens, CUT_OFF)
            case _:
                return Reply(text, tokens, REFUSED)

    def _refusal(self, question: Question, error: Any) -> Reply:
        """Return why one question has no reply.

        Raises:
            DataFailed: none will have.
            Unavailable: none will have for now.
        """
        said = self._short(error)
        status: int = error.status_code
        if status in (400, 413, 422):
            logger.warning("%s refuses a question: %s", self.address, said)
            return Reply(said, 0, REFUSED)
        if status in (408, 409, 429) or status >= 500:
            raise Unavailable(
                f"wanted replies from {self.address}, found it busy or away ({said}); lower "
                f"{self._prefix}CONCURRENCY or {self._prefix}REQUESTS_PER_MINUTE, or try again "
                "later: what it replied is kept"
            )
        raise DataFailed(
            f"wanted replies of {question.model!r} from {self.address}, found that it refuses "
            f"({said}); check the model's name, {self._prefix}URL and {self._prefix}KEY"
        )

    def _no_chat(self, found: object) -> DataFailed:
        return DataFailed(
            f"wanted chat completions from {self.address}, found {self._short(found)[:80]!r}; "
            f"check {self._prefix}URL"
        )

    def _short(self, said: object) -> str:
        text = " ".join(str(said).split())
        # Servers repeat the key they refuse.
        return (text.replace(self._key, "<key>") if self._key else text)[:300]


def _client(address: str, key: str | None, pace: Pace, retries: int) -> Any:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    async def before(_: object) -> None:
        await pace.turn()

    return AsyncOpenAI(
        base_url=address,
        api_key=key or "none",  # it insists on one
        max_retries=retries,
        timeout=Timeout(TIMEOUT_S, connect=CONNECT_S),
        # Here and not around a call: what is asked again counts too.
        http_client=DefaultAsyncHttpxClient(event_hooks={"request": [before]}),
    )


def _note(asked: Chat, completion: Any) -> None:
    """Note what a completion says of itself; it may be anything."""
    from openai.types.chat import ChatCompletion

    if not isinstance(completion, ChatCompletion) or not completion.choices:
        asked.failed("no completion")
        return
    used = completion.usage
    asked.heard(
        model=completion.model,
        usage=None if used is None else (used.prompt_tokens, used.completion_tokens),
        finish=completion.choices[0].finish_reason,
    )


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

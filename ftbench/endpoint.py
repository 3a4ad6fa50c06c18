"""Asks a model behind an OpenAI-compatible server, many items at a time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ftbench.outcome import Prediction, Refusal
from ftbench.task import Item
from shared.endpoints import address_of, refuse_odd_key
from shared.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

RETRIES = 8
"""Times a question is asked again while the server is busy or away: for half a minute, or as long
as the server says."""

TIMEOUT_S = 600.0
"""Seconds an answer may take."""

CONNECT_S = 10.0
"""Seconds a connection may take."""

IN_A_ROW = 20
"""Failed items without an answer in between, after which the items are not to blame."""


@dataclass(frozen=True, slots=True)
class EndpointModel:
    """A model behind a server that speaks OpenAI's chat completions."""

    url: str
    """Of the server, with or without ``/v1`` at its end."""

    name: str
    """What the server calls the model."""

    key: str | None = field(default=None, repr=False)
    """None for servers that want none."""

    concurrency: int = 16
    """Questions that wait for an answer at the same time. Above 100, connections are made anew for
    each, which is slower."""

    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of each request. Two that vLLM knows matter often: ``repetition_penalty`` 1.0,
    because some models bring another, and ``chat_template_kwargs`` to turn thinking off."""

    @property
    def sampling(self) -> dict[str, Any]:
        """How answers are drawn: greedily, unless `extra` says otherwise."""
        return {"temperature": 0.0, "top_p": 1.0, **self.extra}

    @property
    def address(self) -> str:
        """Where requests go, fit to be shown.

        Raises:
            Rejected: the url is none.
        """
        return address_of(self.url)


def answer_by_endpoint(
    items: Sequence[Item],
    model: EndpointModel,
    *,
    max_new_tokens: int,
    known_to_work: bool,
    take: Callable[[Prediction | Refusal], None],
    retries: int = RETRIES,
) -> None:
    """Ask every item and hand on each answer, or why there is none, when it comes.

    What is busy or away (status 429 or 503 for example, or no connection) is asked again after
    growing pauses. An item that the server refuses, as when its prompt is too long, or breaks on
    (status 500, again and again) is handed on as refused, and the others are asked.

    Args:
        items: what to ask.
        model: whom to ask.
        max_new_tokens: longest answer, in tokens.
        known_to_work: whether the model has answered items of this run before. If not, `IN_A_ROW`
            refusals without an answer mean that it refuses the request as such.
        take: called with every outcome, in the order they come.
        retries: times to ask again.

    Raises:
        Rejected: the server refuses the key, the model or the request, or speaks something else.
        Unavailable: it is away, busy or broken for longer than the retries last.
    """
    if model.concurrency < 1:
        raise Rejected(
            f"wanted to ask at least 1 item at a time, found {model.concurrency}; raise it"
        )
    refuse_odd_key(model.key)
    try:
        asyncio.run(_ask_all(items, model, max_new_tokens, known_to_work, take, retries))
    except BaseExceptionGroup as group:  # what ends one asker ends all; the first says why
        raise group.exceptions[0] from None


async def _ask_all(
    items: Sequence[Item],
    model: EndpointModel,
    max_new_tokens: int,
    known_to_work: bool,
    take: Callable[[Prediction | Refusal], None],
    retries: int,
) -> None:
    from openai import AsyncOpenAI, Timeout

    left = iter(items)  # shared by the askers: whoever is free takes the next
    refused: list[Refusal] = []  # since the last answer

    async def ask_on() -> None:
        nonlocal known_to_work
        for item in left:
            outcome = await _ask(client, model, item, max_new_tokens)
            take(outcome)
            if isinstance(outcome, Prediction):
                known_to_work = True
                refused.clear()
            else:
                refused.append(outcome)
                _stop_if_hopeless(refused[-IN_A_ROW:], known_to_work, model)

    timeout = Timeout(TIMEOUT_S, connect=CONNECT_S)
    async with (
        AsyncOpenAI(
            base_url=model.address,
            api_key=model.key or "none",  # it insists on one
            max_retries=retries,
            timeout=timeout,
        ) as client,
        asyncio.TaskGroup() as askers,
    ):
        for _ in range(min(model.concurrency, len(items))):
            askers.create_task(ask_on())


async def _ask(
    client: "AsyncOpenAI", model: EndpointModel, item: Item, max_new_tokens: int
) -> Prediction | Refusal:
    import openai

    try:
        reply: Any = await client.chat.completions.create(
            model=model.name,
            messages=cast(Any, [message.as_dict() for message in item.messages]),
            max_tokens=max_new_tokens,
            extra_body=model.sampling,
        )
    except openai.APIStatusError as error:
        return _refusal(item, model, error)
    except openai.APIConnectionError as error:
        raise Unavailable(
            f"wanted answers from {model.address}, found that none came "
            f"({_short(repr(error.__cause__))}); check the url, or call again when the server is "
            "up: what was answered is kept"
        ) from None
    except (openai.OpenAIError, ValueError) as error:
        raise _no_chat(model, _short(error)) from None
    return _outcome(item, model, reply)


def _outcome(item: Item, model: EndpointModel, reply: object) -> Prediction | Refusal:
    """Return what a reply says. Its form is looked at: the client takes any."""
    from openai.types.chat import ChatCompletion

    if not isinstance(reply, ChatCompletion):
        raise _no_chat(model, _short(reply)[:80])
    if not reply.choices:
        said = _short(reply.model_dump_json(exclude_none=True))
        return Refusal(item.id, f"was not answered: {said}", server_broke=True)
    choice = reply.choices[0]
    if choice.finish_reason not in ("stop", "length"):
        return Refusal(item.id, f"was broken off by the server: {choice.finish_reason}")
    # No content is an answer too: of a model that thought until its tokens were used up.
    return Prediction(item.id, choice.message.content or "", choice.finish_reason == "length")


def _refusal(item: Item, model: EndpointModel, error: "APIStatusError") -> Refusal:
    """Return why one item has no answer.

    Raises:
        Rejected: none will have.
        Unavailable: none will have for now.
    """
    match error.status_code:
        case 400 | 413 | 422:
            return Refusal(item.id, f"was refused: {_short(error)}")
        case 500:
            return Refusal(item.id, f"broke the server: {_short(error)}", server_broke=True)
        case 408 | 409 | 429 | 502 | 503 | 504:
            raise Unavailable(
                f"wanted answers from {model.address}, found it busy or away ({_short(error)}); "
                "lower the concurrency or call again later: what was answered is kept"
            )
        case _:
            raise Rejected(
                f"wanted answers of {model.name!r} from {model.address}, found that it refuses "
                f"({_short(error)}); check the url, the model's name and the key"
            )


def _stop_if_hopeless(last: Sequence[Refusal], known_to_work: bool, model: EndpointModel) -> None:
    if len(last) < IN_A_ROW:
        return
    if all(refusal.server_broke for refusal in last):
        raise Unavailable(
            f"wanted answers from {model.address}, found that it broke on {IN_A_ROW} items one "
            f"after the other, the last {last[-1].why}; see the server's log and call again: what "
            "was answered is kept"
        )
    if not known_to_work:
        raise Rejected(
            f"wanted answers of {model.name!r} from {model.address}, found none among its first "
            f"{IN_A_ROW} replies, the last item {last[-1].why}; change the request or the server"
        )


def _no_chat(model: EndpointModel, found: str) -> Rejected:
    return Rejected(f"wanted chat completions from {model.address}, found {found!r}; check the url")


def _short(said: object) -> str:
    return " ".join(str(said).split())[:300]

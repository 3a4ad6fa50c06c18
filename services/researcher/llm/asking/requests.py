"""Puts one request to the language model: reserved before, settled and noted after."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.researcher.llm.adviser import ModelUseless
from services.researcher.llm.asking.endpoint import Endpoint
from services.researcher.llm.asking.redacting import kept, redacted
from services.researcher.llm.asking.refusals import meaning
from services.researcher.llm.asking.replies import Reply, read_reply
from services.researcher.llm.asking.reserving import Purse
from services.researcher.llm.asking.talk import Sent, as_messages, clean
from services.researcher.llm.prompts import Prompt
from shared.answering import GivenUp
from shared.asking.sending import NoReply, Received
from shared.contracts.base import WorkId
from shared.contracts.counsel import Call, Message, Spend
from shared.genai import chat
from shared.settings import ResearcherSettings

KEPT = 60_000
"""Characters kept of a message or a reply."""

AROUND = 16
"""Tokens that a chat template puts around a message, rather too many."""


APART = 4096
"""Tokens kept free for a schema and repairs, but an eighth of the window at most."""


class SchemasRefused(Exception):
    """The server takes no JSON schema, or not this one."""


@dataclass
class Requests:
    """The requests of one piece of work: put, paid for and noted."""

    endpoint: Endpoint
    purse: Purse
    work_id: WorkId
    settings: ResearcherSettings
    give_up: Callable[[], None]
    clock: Callable[[], float]
    prompts: list[str] = field(default_factory=list)
    calls: int = 0
    spend: Spend = field(default_factory=Spend)

    def put(self, prompt: Prompt, messages: Sequence[Sent], extra: Mapping[str, Any]) -> "Heard":
        """Return what the model says. The caller notes it, with what was wrong with it.

        Args:
            prompt: which one it is.
            messages: to send, without the keys and passwords in them.
            extra: fields of the request beside the usual ones.

        Raises:
            ModelAway: nothing came, or a refusal that may pass.
            ModelUseless: the request is too long, or refused for good.
            CapReached: there is no money left for it.
            SchemasRefused: there is a ``response_format`` in ``extra`` that the server refuses.
            shared.answering.GivenUp: the reply is no longer wanted.
        """
        messages = clean(messages, self.endpoint.server.key)
        read = self.tokens(messages, extra)
        self._refuse_what_does_not_fit(read)
        self.give_up()
        at, began = self.clock(), time.monotonic()
        most = self.purse.cost(read, self.settings.max_tokens)
        reserved = self.purse.reserve(most, at=at)

        def heard(reply: Reply, spent: Spend) -> Heard:
            self.purse.settle(reserved, spent)
            return Heard(prompt, messages, reply, spent, at, time.monotonic() - began)

        body = {
            "model": self.endpoint.model,
            "messages": messages,
            "max_tokens": self.settings.max_tokens,
            "temperature": self.settings.temperature,
            **extra,
        }
        server = self.endpoint.server
        try:
            with chat(self.endpoint.model, server.address) as asked:
                received = self.endpoint.send(body, self.give_up)
                reply = read_reply(received.body) if received.status == 200 else None
                if reply is not None:
                    asked.heard(model=reply.model, usage=reply.usage, finish=reply.finish)
                else:
                    asked.failed(f"status {received.status}")
        except GivenUp:
            self.note(heard(Reply(""), most), "no longer wanted")
            raise
        except NoReply as nothing:
            why = server.silent(nothing)
            self.note(heard(Reply(""), most if nothing.was_sent else Spend()), why)
            raise self.endpoint.went_away(why) from None
        if received.status != 200:
            raise self._refusal(heard(Reply(""), Spend()), received, extra)
        if reply is None:
            why = server.stranger(received.text)
            self.note(heard(Reply(""), most), why)
            raise self.endpoint.went_away(why)
        self.endpoint.came_back()
        # Before anything cuts it, which could leave half of a key.
        reply = replace(
            reply,
            text=redacted(reply.text, server.key),
            calls=tuple(redacted(name, server.key) for name in reply.calls),
        )
        return heard(reply, most if reply.usage is None else self.purse.cost(*reply.usage))

    def note(self, heard: "Heard", fault: str | None) -> None:
        """Keep a call in the notebook, and what was wrong with the reply."""
        key = self.endpoint.server.key
        asked = tuple(
            Message(role=message.role, text=kept(message.text, key, most=KEPT))
            for message in as_messages(heard.messages)
        )
        call = Call(
            prompt=heard.prompt.id,
            model=self.endpoint.model,
            asked=asked,
            reply=kept(heard.reply.words, key, most=KEPT),
            fault=None if fault is None else kept(fault, key, most=KEPT),
            spend=heard.spent,
            at=heard.at,
            seconds=heard.seconds,
        )
        self.purse.notebook.keep(self.purse.job_id, self.work_id, call)
        self.calls += 1
        self.spend = Spend(
            tokens=self.spend.tokens + heard.spent.tokens,
            money=self.spend.money + heard.spent.money,
        )
        if heard.prompt.id not in self.prompts:
            self.prompts.append(heard.prompt.id)

    def tokens(self, messages: Sequence[Sent], extra: Mapping[str, Any]) -> int:
        """Return how many tokens a request has, rather too many."""
        texts = [message.text for message in as_messages(messages)]
        texts += [str(value) for value in extra.values()]
        return sum(self.endpoint.count(text) + AROUND for text in texts)

    def _refuse_what_does_not_fit(self, read: int) -> None:
        missing = read + self.settings.max_tokens - self.endpoint.window()
        if missing > 0:
            raise ModelUseless(narrow(self.endpoint, self.settings, missing))

    def _refusal(self, heard: "Heard", received: Received, extra: Mapping[str, Any]) -> Exception:
        """Note a refusal and return what to raise about it."""
        said = received.text
        server = self.endpoint.server
        why = redacted(server.refusal(received.status, said), server.key)
        self.note(heard, why)
        match meaning(received.status, said, with_schema="response_format" in extra):
            case "away":
                return self.endpoint.went_away(why, received.retry_after_s)
            case "too long":
                return ModelUseless(
                    f"{why}; or lower TREX_RESEARCHER_MAX_TOKENS, or set "
                    "TREX_RESEARCHER_CONTEXT_TOKENS to what the server takes"
                )
            case "no schemas":
                return SchemasRefused()
            case "refused":
                return ModelUseless(why)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request and what came of it."""

    prompt: Prompt
    messages: Sequence[Sent]
    reply: Reply
    spent: Spend
    at: float
    seconds: float


def apart(window: int) -> int:
    """Return how many tokens of a window are kept free for more than the question."""
    return min(APART, window // 8)


def narrow(endpoint: Endpoint, settings: ResearcherSettings, missing: int) -> str:
    """Say that a context window is too small, and what to change."""
    return (
        f"wanted room for a question to {endpoint.model!r} and {settings.max_tokens:,} tokens of "
        f"reply, found that {missing:,} tokens are missing in its context window of "
        f"{endpoint.window():,}; lower TREX_RESEARCHER_MAX_TOKENS, or serve a longer context"
    )

"""The server of the researcher's language model: where it is, and what its refusals mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from shared.asking.sending import NoReply, Received, get, post
from shared.endpoints import address_of, refuse_odd_key
from shared.errors import Rejected, Unavailable
from shared.settings import LlmSettings

LOOK_S = 10.0
"""Seconds to wait for what costs the server nothing."""

SAID = 300
"""Characters kept of what a server says."""


class MayPass(Unavailable):
    """The server is silent, starting or broken, and may be there in a minute."""


class _Model(BaseModel):
    id: str
    max_model_len: int | None = None


class _Models(BaseModel):
    data: list[_Model]


@dataclass(frozen=True, slots=True)
class Server:
    """One that speaks OpenAI's chat completions, and the model that it is asked for."""

    address: str
    model: str
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: LlmSettings, model: str) -> Self:
        """Return the server that the environment names.

        Raises:
            Rejected: its address or key cannot be one.
        """
        key = None if settings.api_key is None else settings.api_key.get_secret_value()
        try:
            address = address_of(settings.base_url)
        except Rejected as wrong:
            raise Rejected(f"OPENAI_BASE_URL: {wrong}") from None
        try:
            refuse_odd_key(key)
        except Rejected as wrong:
            raise Rejected(f"OPENAI_API_KEY: {wrong}") from None
        return cls(address, model, key)

    @property
    def headers(self) -> dict[str, str]:
        """What every request brings."""
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    @property
    def root(self) -> str:
        """Where vLLM's own functions are, which have no version."""
        return self.address.rpartition("/v")[0]

    def window(self, give_up: Callable[[], None] = lambda: None) -> int | None:
        """Return how many tokens question and reply may have; None of a server that says not.

        Args:
            give_up: called about every half second; what it raises ends the look.

        Raises:
            MayPass: it does not answer, or is starting or broken.
            Unavailable: it refuses, or has no such model.
        """
        try:
            found = get(
                f"{self.address}/models", headers=self.headers, answer_s=LOOK_S, give_up=give_up
            )
        except NoReply as nothing:
            raise MayPass(self.silent(nothing)) from None
        if found.status in (404, 405):
            return None  # it lists none, and may have it all the same
        if found.status != 200:
            kind = MayPass if found.status >= 500 else Unavailable
            raise kind(self.refusal(found.status, found.text))
        try:
            models = _Models.model_validate_json(found.body).data
        except ValidationError:
            raise Unavailable(self.stranger(found.text)) from None
        ours = next((model for model in models if model.id == self.model), None)
        if ours is None:
            names = ", ".join(model.id for model in models) or "none"
            raise Unavailable(
                f"wanted {self.model!r} from {self.address}, found that it has "
                f"{self.short(names)}; correct TREX_RESEARCHER_MODEL"
            )
        return ours.max_model_len

    def complete(self, body: Mapping[str, Any], answer_s: float) -> Received:
        """Return what it says to a request for a chat completion, whatever it is.

        Raises:
            MayPass: nothing whole came back.
        """
        try:
            return post(
                f"{self.address}/chat/completions",
                {"model": self.model, **body},
                headers=self.headers,
                answer_s=answer_s,
                give_up=lambda: None,
            )
        except NoReply as nothing:
            raise MayPass(self.silent(nothing)) from None

    def refusal(self, status: int, said: str) -> str:
        """Say in a sentence what a status other than 200 means, and what to change."""
        match status:
            case 401 | 403:
                why = "that it refuses the key", "correct OPENAI_API_KEY"
            case 402:
                why = "that it wants to be paid", "pay, or set OPENAI_BASE_URL to another server"
            case 404:
                why = "no such model or path", "correct TREX_RESEARCHER_MODEL or OPENAI_BASE_URL"
            case 408 | 409 | 429:
                why = "it too busy", "wait, or have fewer ask it"
            case _ if status >= 500:
                why = "it broken or starting", "look into its log"
            case _:
                why = "that it refuses the request", "look into its log"
        found, change = why
        return (
            f"wanted a reply of {self.model!r} from {self.address}, found {found} "
            f"({status}: {self.short(said)}); {change}"
        )

    def silent(self, error: object) -> str:
        """Say in a sentence that no whole reply came."""
        why = self.short(error) or type(error).__name__
        return (
            f"wanted a reply of {self.model!r} from {self.address}, found that none came ({why}); "
            "start the server, or correct OPENAI_BASE_URL"
        )

    def stranger(self, said: object) -> str:
        """Say in a sentence that what answers is no such server."""
        return (
            f"wanted a server of language models at {self.address}, found one that says "
            f"{self.short(said)[:80]!r}; correct OPENAI_BASE_URL"
        )

    def short(self, said: object) -> str:
        """Return what a server says in a line, without the key, which servers repeat."""
        text = " ".join(str(said).split())
        return (text.replace(self.key, "<key>") if self.key else text)[:SAID]

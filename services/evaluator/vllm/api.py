"""The requests that a vLLM server answers, as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import httpx

from services.evaluator.scorer import Answer, Conversation
from shared.errors import ScoringFailed

Ids: TypeAlias = list[int]

BASE = "base"
"""What a server of ours calls the model it was started with."""

HEALTH_S = 10.0
"""Seconds in which a server must say that it is alive."""

KNOWN_TEXTS = 20_000
"""Texts whose token ids are remembered."""

_NEEDS = {
    "/tokenizer_info": "--enable-tokenizer-info-endpoint",
    "/v1/load_lora_adapter": "--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1",
}
"""Endpoints that a server has only when it is started so."""

_NO_SUCH_PATH = "Not Found"


class ServerGone(Exception):
    """The server does not answer any more, or its engine has died."""


class Base(NamedTuple):
    """The model that a server was started with."""

    name: str
    """What it is called in requests."""

    model: str
    """Folder or hub id."""


@dataclass(frozen=True, slots=True)
class Api:
    """A server's endpoints. Every method raises `ServerGone` or, when refused, `ScoringFailed`."""

    http: httpx.Client
    """Knows the server's address and key."""

    base: str = BASE
    """What the model is called that the server was started with."""

    known: dict[str, Ids] = field(default_factory=dict, repr=False)
    """Token ids by the request for them: checkpoints of a base model are asked the same questions.
    """

    @property
    def completions(self) -> str:
        """Where other programs ask for completions."""
        return str(self.http.base_url).rstrip("/") + "/v1/completions"

    @property
    def key(self) -> str:
        """What they must show as bearer token; empty for a server that wants none."""
        return str(self.http.headers.get("Authorization", "")).removeprefix("Bearer ")

    def is_healthy(self) -> bool:
        """Whether the server says that its engine is alive."""
        try:
            return self.http.get("/health", timeout=HEALTH_S).is_success
        except httpx.TransportError:
            return False

    def served(self) -> Base:
        """Return the model that the server was started with."""
        found = self._get("/v1/models")
        match found:
            case {"data": [{"id": str(name), "root": str(model)}, *_]}:
                return Base(name, model)
        raise ScoringFailed(
            f"wanted vLLM at {self.http.base_url}, found another server, whose models are "
            f"{str(found)[:200]}; check the address"
        )

    def version(self) -> str:
        """Return the server's version."""
        return str(self._get("/version")["version"])

    def context(self) -> int:
        """Return how many tokens prompt and answer may have together."""
        return int(self._get("/v1/models")["data"][0]["max_model_len"])

    def end(self) -> int:
        """Return the id of the token that ends an answer.

        Raises:
            ScoringFailed: the tokenizer names none, or it is more than one token.
        """
        text = self._get("/tokenizer_info").get("eos_token")
        ids = self.tokenise(text) if text else []
        if len(ids) != 1:
            raise ScoringFailed(
                f"wanted a tokenizer with a token that ends an answer, found {text!r}; use another "
                "base model"
            )
        return ids[0]

    def render(self, conversation: Conversation) -> Ids:
        """Return the ids of a conversation up to where the answer begins, by the chat template."""
        body = {"messages": list(conversation), "add_generation_prompt": True}
        return self._ids(body)

    def tokenise(self, text: str) -> Ids:
        """Return the ids of a text, special tokens read as such and none added."""
        return self._ids({"prompt": text, "add_special_tokens": False})

    def complete(
        self, model: str, prompts: Sequence[Ids], *, max_new_tokens: int, stop: int
    ) -> list[Answer]:
        """Return a greedy answer to each prompt, which the token ``stop`` ends."""
        # Each is given although most are vLLM's defaults: the model's own would be taken else.
        sampling = {
            "temperature": 0.0,
            "top_p": 1.0,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": 0,
            "max_tokens": max_new_tokens,
            "stop_token_ids": [stop],
        }
        choices = self._complete(model, prompts, sampling)
        return [Answer(one["text"], one["finish_reason"] == "length") for one in choices]

    def weigh(self, model: str, prompts: Sequence[Ids]) -> list[list[float]]:
        """Return the log-probability of every token of each prompt but its first, in nats."""
        choices = self._complete(model, prompts, {"max_tokens": 1, "prompt_logprobs": 0})
        return [
            [float(told[str(token)]["logprob"]) for told, token in zip(said, ids, strict=True)]
            for said, ids in (
                (choice["prompt_logprobs"][1:], prompt[1:])
                for choice, prompt in zip(choices, prompts, strict=True)
            )
        ]

    def load(self, name: str, folder: str) -> None:
        """Load an adapter under a name that no other ever had."""
        self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder})

    def unload(self, name: str) -> None:
        """Forget an adapter."""
        body = {"lora_name": name}
        path = "/v1/unload_lora_adapter"
        self._answered(self.http.build_request("POST", path, json=body, timeout=HEALTH_S))

    def _ids(self, body: Mapping[str, Any]) -> Ids:
        text = json.dumps(body)
        found = self.known.get(text)
        if found is None:
            found = self._post("/tokenize", {"model": self.base, **body}).json()["tokens"]
            if len(self.known) >= KNOWN_TEXTS:
                self.known.clear()
            self.known[text] = found
        return found

    def _complete(
        self, model: str, prompts: Sequence[Ids], how: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        body = {"model": model, "prompt": list(prompts), **how}
        choices: list[dict[str, Any]] = self._post("/v1/completions", body).json()["choices"]
        return sorted(choices, key=lambda one: int(one["index"]))

    def _get(self, path: str) -> Any:
        return self._answered(self.http.build_request("GET", path)).json()

    def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return self._answered(self.http.build_request("POST", path, json=body))

    def _answered(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self.http.send(request)
        except httpx.TransportError as error:
            raise ServerGone(f"{type(error).__name__}: {error}") from None
        if response.is_success:
            return response
        path, reason = request.url.path, _reason(response)[:500]
        # An engine that is alive refused what it was asked, with whatever status.
        if response.is_server_error and not self.is_healthy():
            raise ServerGone(f"status {response.status_code}: {reason}")
        if reason == _NO_SUCH_PATH and path in _NEEDS:
            raise ScoringFailed(
                f"wanted a vLLM server that answers {path}, found none at "
                f"{self.http.base_url}; start it with {_NEEDS[path]}"
            )
        raise ScoringFailed(
            f"wanted vLLM to answer {path}, found that it refused: {reason}; correct the "
            "checkpoint or its recipe"
        )


def _reason(response: httpx.Response) -> str:
    """Return what an error says: in a vLLM error, or in one of the web framework below it."""
    try:
        said = response.json()
        return str(said["error"]["message"] if "error" in said else said["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text

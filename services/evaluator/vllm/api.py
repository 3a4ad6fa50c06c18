"""The requests that a vLLM server answers, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from services.evaluator.scorer import Answer, Conversation
from shared.errors import ScoringFailed

Ids: TypeAlias = list[int]

BASE = "base"
"""What a server calls the model it was started with."""

ANSWER_S = 600.0
"""Seconds a request may take; one holds a few dozen prompts."""


class ServerGone(Exception):
    """The server does not answer any more, or its engine has died."""


@dataclass(frozen=True, slots=True)
class Api:
    """A server's endpoints. Every method raises `ServerGone` or, when refused, `ScoringFailed`."""

    http: httpx.Client
    """Knows the server's address and key."""

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
        self._post("/v1/unload_lora_adapter", {"lora_name": name})

    def _ids(self, body: Mapping[str, Any]) -> Ids:
        found: Ids = self._post("/tokenize", {"model": BASE, **body}).json()["tokens"]
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
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServerGone(f"status {response.status_code}: {response.text[:500]}")
        if response.is_error:
            raise ScoringFailed(
                f"wanted vLLM to answer {request.url.path}, found that it refused: "
                f"{_reason(response)[:500]}; correct the checkpoint or its recipe"
            )
        return response


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text

"""A vLLM server that somebody else runs: used as it is, never started, changed or ended.

It must serve one base model, see checkpoints under the same paths as the evaluator, and be started
with ``--enable-tokenizer-info-endpoint --generation-config vllm``. For adapters it also needs
``--enable-lora``, ``--max-lora-rank`` as in the evaluator's settings, ``--lora-target-modules``
with the model's linear layers but for the output's, of which vLLM 0.32 dies when asked for a
certificate, and ``VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`` in its environment.
"""

import time
from dataclasses import replace

import httpx

from services.evaluator.vllm.adapters import same_model
from services.evaluator.vllm.api import Api, Base, ServerGone
from services.evaluator.vllm.server import Model
from shared.errors import ScoringFailed

WAIT_S = 60.0
"""Seconds that a server which went away gets to come back."""


class Elsewhere:
    """`services.evaluator.vllm.scorer.Servers` of one base model, at an address."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        max_lora_rank: int,
        answer_s: float,
        wait_s: float = WAIT_S,
    ) -> None:
        self.max_lora_rank = max_lora_rank
        self.advice = f"see to the server at {url}"
        self._url = url
        self._wait_s = wait_s
        self._served: Base | None = None
        self._api = Api(
            httpx.Client(
                base_url=url,
                headers={} if key is None else {"Authorization": f"Bearer {key}"},
                timeout=httpx.Timeout(answer_s, connect=5.0),
                limits=httpx.Limits(max_connections=None),
            )
        )

    @property
    def engine(self) -> str:
        """See `services.evaluator.scorer.Scorer.engine`."""
        try:
            self._wait()
            return f"vllm {self._api.version()} at {self._url}"
        except ServerGone as gone:
            raise ScoringFailed(
                f"wanted a vLLM server at {self._url}, found none that answers ({gone}); "
                "start it, or unset TREX_EVALUATOR_VLLM_URL"
            ) from None

    def api(self, model: Model) -> Api:
        """See `services.evaluator.vllm.scorer.Servers.api`."""
        served = self._api.served()
        if served != self._served:  # somebody started it anew, with another tokenizer perhaps
            self._api.known.clear()
            self._served = served
        if not same_model(served.model, model.name):
            raise ScoringFailed(
                f"{model.name}: wanted it or adapters of it served at {self._url}, found "
                f"{served.model!r} there; serve it, or unset TREX_EVALUATOR_VLLM_URL"
            )
        return replace(self._api, base=served.name)

    def gone(self, model: Model) -> None:  # noqa: ARG002 - it has but one
        """See `services.evaluator.vllm.scorer.Servers.gone`."""
        self._wait()

    def close(self) -> None:
        """See `services.evaluator.vllm.scorer.Servers.close`."""
        self._api.http.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + self._wait_s
        while not self._api.is_healthy() and time.monotonic() < deadline:
            time.sleep(0.5)

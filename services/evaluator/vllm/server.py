"""A vLLM server in a process of its own: started, watched, stopped."""

import os
import re
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx
from safetensors import safe_open

from services.evaluator.vllm.api import BASE, Api, ServerGone
from shared.errors import ScoringFailed, Unavailable
from trex.processes import free_port, start, stop, wait_until

START_S = 900.0
"""Seconds a server may take to load a model."""

MAX_LORAS = 4
"""Adapters in one batch; scoring needs one, and memory is reserved for each."""

_EXCEPTION = re.compile(
    r"^(?:\([^)]*\) )?(?:[A-Z]+ .*?\[\S+:\d+\] )?(?P<what>[\w.]*(?:Error|Exception): .+)$", re.M
)
"""Of a log: a line that names one, after the process and the place that vLLM puts before it."""

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers of most decoder models; of a hub id nobody has looked into."""


@dataclass(frozen=True, slots=True)
class Model:
    """What a server is started for."""

    name: str
    """Folder or hub id of a whole model."""

    adapters: bool
    """Whether adapters of it are to be served too."""


@dataclass(frozen=True, slots=True)
class Served:
    """How servers are started."""

    python: Path
    """Interpreter that has vLLM, which has an environment of its own."""

    max_lora_rank: int
    """Highest rank of an adapter; memory is reserved for it."""

    options: tuple[str, ...]
    """Further arguments, such as ``--gpu-memory-utilization 0.5``."""

    logs: Path
    """Folder for the servers' logs."""

    devices: tuple[str | None, ...] = (None,)
    """Of each server that may be up at the same time: ``CUDA_VISIBLE_DEVICES``, None to leave it as
    it is."""

    answer_s: float = 600.0
    """Seconds without a reply to a few dozen prompts after which a server counts as hung."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    api: Api
    log: Path

    def stop(self) -> None:
        """End it with its engine, at once if it will not."""
        self.api.http.close()
        stop([self.process])


def start_server(model: Model, how: Served, device: str | None) -> Server:
    """Start a server of a model and return it once it answers.

    Raises:
        ScoringFailed: the server did not come up; the message holds the first error in its log.
    """
    port = free_port(None, name="vLLM")
    key = secrets.token_hex(16)
    log = how.logs / f"vllm-{port}-{key[:4]}.log"
    process = start(_command(model, how, port), log=log, environment=_environment(key, device))
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(how.answer_s, connect=5.0),
        limits=httpx.Limits(max_connections=None),
    )
    server = Server(process, Api(http), log)
    try:
        wait_until(lambda: _answers(server.api), process, log, what="vLLM", for_s=START_S)
    except Unavailable as error:
        server.stop()
        raise ScoringFailed(
            f"{model.name}: wanted vLLM to serve it, found that no server came up "
            f"({first_error(log) or error}); correct the checkpoint, or "
            f"TREX_EVALUATOR_VLLM_OPTIONS; all that vLLM said is in {log}"
        ) from None
    return server


def first_error(log: Path) -> str:
    """Return the first exception that a log tells of, which later ones follow from; or nothing."""
    found = _EXCEPTION.search(log.read_text(errors="replace"))
    return found["what"][:500] if found else ""


def _answers(api: Api) -> bool:
    try:
        return api.context() > 0
    except ServerGone:
        return False


def _command(model: Model, how: Served, port: int) -> list[str]:
    command = [str(how.python), "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", model.name, "--served-model-name", BASE]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--generation-config", "vllm"]  # else the model's own sampling would be the default
    command += ["--enable-tokenizer-info-endpoint", "--no-enable-log-requests"]
    if model.adapters:
        command += ["--enable-lora", "--max-loras", str(MAX_LORAS)]
        command += ["--max-lora-rank", str(how.max_lora_rank)]
        # An adapter of the output layer breaks the log-probabilities of prompts (vLLM 0.32).
        command += ["--lora-target-modules", *linear_layers(model.name)]
    return [*command, *how.options]


def linear_layers(model: str) -> list[str]:
    """Return the names of a model's linear layers that adapters may be put on, without repetition.

    By its weights where they are at hand: matrices that are neither embedding nor output.
    """
    folder = Path(model)
    if not folder.is_dir():
        return list(_LINEAR)
    found = set()
    for file in folder.glob("model*.safetensors"):
        with safe_open(file, framework="numpy") as weights:
            for name in weights.keys():  # noqa: SIM118 - it is no dictionary
                layer, _, kind = name.rpartition(".")
                matrix = kind == "weight" and len(weights.get_slice(name).get_shape()) == 2
                if matrix and "embed" not in layer and layer != "lm_head":
                    found.add(layer.rpartition(".")[2])
    return sorted(found)


def _environment(key: str, device: str | None) -> dict[str, str]:
    return (
        os.environ
        | {
            "VLLM_API_KEY": key,
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
            "VLLM_NO_USAGE_STATS": "1",
        }
        | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device})
    )

"""A vLLM server in a process of its own: started, watched, stopped."""

import os
import secrets
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from safetensors import safe_open

from services.evaluator.vllm.api import ANSWER_S, BASE, Api, ServerGone
from shared.errors import ScoringFailed, Unavailable
from trex.processes import free_port, start, stop, wait_until

START_S = 900.0
"""Seconds a server may take to load a model."""

MAX_LORAS = 4
"""Adapters in one batch; scoring needs one, and memory is reserved for each."""

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers of most decoder models; of a hub id nobody has looked into."""


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
        # A server that was killed could not end its engine, which then keeps the device.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def start_server(model: str, how: Served, *, adapters: bool) -> Server:
    """Start a server of a model and return it once it answers.

    Args:
        model: folder or hub id of a whole model.
        how: with which interpreter and limits.
        adapters: whether adapters of it are to be served too.

    Raises:
        ScoringFailed: the server did not come up; the message holds its last words.
    """
    port = free_port(None, name="vLLM")
    key = secrets.token_hex(16)
    log = how.logs / f"vllm-{port}.log"
    process = start(_command(model, how, port, adapters), log=log, environment=_environment(key))
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(ANSWER_S, connect=5.0),
        limits=httpx.Limits(max_connections=None),
    )
    server = Server(process, Api(http), log)
    try:
        wait_until(lambda: _answers(server.api), process, log, what="vLLM", for_s=START_S)
    except Unavailable as error:
        server.stop()
        raise ScoringFailed(f"{model}: {error}") from None
    return server


def _answers(api: Api) -> bool:
    try:
        return api.context() > 0
    except ServerGone:
        return False


def _command(model: str, how: Served, port: int, adapters: bool) -> list[str]:
    command = [str(how.python), "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", model, "--served-model-name", BASE]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--generation-config", "vllm"]  # else the model's own sampling would be the default
    command += ["--enable-tokenizer-info-endpoint", "--no-enable-log-requests"]
    if adapters:
        command += ["--enable-lora", "--max-loras", str(MAX_LORAS)]
        command += ["--max-lora-rank", str(how.max_lora_rank)]
        # An adapter of the output layer breaks the log-probabilities of prompts (vLLM 0.32).
        command += ["--lora-target-modules", *linear_layers(model)]
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


def _environment(key: str) -> dict[str, str]:
    return os.environ | {
        "VLLM_API_KEY": key,
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }

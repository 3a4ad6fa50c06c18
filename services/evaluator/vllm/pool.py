"""Servers of our own: which model has one, and which gives way to another."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.evaluator.versions import version_of
from services.evaluator.vllm.api import Api
from services.evaluator.vllm.server import Model, Served, Server, start_server
from services.evaluator.weights import check_whole
from shared.errors import Rejected


@dataclass(slots=True)
class Slot:
    """Room for a server."""

    device: str | None
    model: Model | None = None
    version: str | None = None
    server: Server | None = None

    def empty(self) -> None:
        """End the server, if there is one."""
        if self.server is not None:
            self.server.stop()
        self.model = self.server = None


def slot_of(wanted: Model, held: Sequence[Model | None]) -> int:
    """Return where a model goes: where it is, else where nothing is, else the first place.

    Args:
        wanted: the model.
        held: what each place has, the one that was not asked for longest first.
    """
    for sought in (wanted, None):
        if sought in held:
            return held.index(sought)
    return 0


class Pool:
    """`services.evaluator.vllm.scorer.Servers` that are started and ended here."""

    def __init__(self, how: Served) -> None:
        self._how = how
        self._slots = [Slot(device) for device in how.devices]
        # With the options: they may change what is answered, by another precision for example.
        self.engine = " ".join(["vllm", _version(how.python), *how.options])
        self.max_lora_rank = how.max_lora_rank
        self.advice = f"see its log in {how.logs}"

    def api(self, model: Model) -> Api:
        """See `services.evaluator.vllm.scorer.Servers.api`."""
        version = version_of(model.name)
        if (model, version) not in [(slot.model, slot.version) for slot in self._slots]:
            check_whole(model.name)  # before a server that is needed ends for one that is not
        slot = self._slots.pop(slot_of(model, [slot.model for slot in self._slots]))
        self._slots.append(slot)
        if slot.server is None or (slot.model, slot.version) != (model, version):
            slot.empty()
            slot.server = start_server(model, self._how, slot.device)
            slot.model, slot.version = model, version
        return slot.server.api

    def gone(self, model: Model) -> None:
        """See `services.evaluator.vllm.scorer.Servers.gone`."""
        for slot in self._slots:
            if slot.model == model:
                slot.empty()

    def close(self) -> None:
        """See `services.evaluator.vllm.scorer.Servers.close`."""
        for slot in self._slots:
            slot.empty()

    def up(self) -> dict[Model, Server]:
        """Return the servers that are up, by model, the one not asked for longest first."""
        return {slot.model: slot.server for slot in self._slots if slot.model and slot.server}


_ASK = (
    "from importlib.metadata import packages_distributions, version; "
    "print(version(packages_distributions()['vllm'][0]))"
)
"""Not of the distribution vllm: builds for other devices have other names."""


def _version(python: Path) -> str:
    try:
        done = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Rejected(
            f"TREX_EVALUATOR_VLLM_PYTHON: wanted an interpreter with vLLM, found none at {python}; "
            "make it with `make vllm`, or name another"
        ) from None
    return done.stdout.strip()

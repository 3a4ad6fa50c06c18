"""Base models proposed to who names none: a short list, and what of it a machine can hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.capabilities import Capabilities

_GIB = 2**30
_BESIDE_GIB = 2.0
"""For what does not grow with the model: the framework, and a batch's logits."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model whose weights anybody may fetch and fine-tune (Apache-2.0)."""

    name: str
    """Its id on the Hugging Face hub."""
    parameters: float


SHORT_LIST = (
    Base("HuggingFaceTB/SmolLM2-135M-Instruct", 0.135e9),
    Base("Qwen/Qwen3-0.6B", 0.6e9),
    Base("Qwen/Qwen3-1.7B", 1.7e9),
    Base("Qwen/Qwen3-4B", 4.0e9),
    Base("Qwen/Qwen3-8B", 8.2e9),
)
"""From the smallest to the largest."""

USUAL = SHORT_LIST[2]
"""What the experiments of the paper behind this search began with."""


def base_for(machines: Sequence[Capabilities]) -> tuple[Base, str]:
    """Return a base model that every machine can train an adapter on, and why that one.

    The largest of `SHORT_LIST`; without a GPU the smallest, for a search wants many runs. The
    smallest too where a GPU can hold none, which is then said.
    """
    if not machines:
        return USUAL, (
            "no executor has said yet what it can train; the experiments of the paper behind this "
            "search began with it"
        )
    base, machine = min(
        ((_largest(machine), machine) for machine in machines),
        key=lambda found: found[0].parameters,
    )
    if machine.device == "cpu":
        return base, "an executor has no GPU, and a search wants many runs"
    needed = _need_gib(base, machine)
    if needed > machine.memory_gib:
        return base, (
            f"the smallest of the short list, though training an adapter on it needs about "
            f"{needed:.1f} GiB and {machine.device} has {machine.memory_gib:.1f}"
        )
    return base, (
        f"the largest of the short list on which {machine.device} with {machine.memory_gib:.0f} "
        "GiB can train an adapter"
    )


def _largest(machine: Capabilities) -> Base:
    if machine.device == "cpu":
        return SHORT_LIST[0]
    fitting = [base for base in SHORT_LIST if _need_gib(base, machine) <= machine.memory_gib]
    return fitting[-1] if fitting else SHORT_LIST[0]


def _need_gib(base: Base, machine: Capabilities) -> float:
    """Return the GiB of frozen weights, and as much again for activations of a small batch."""
    return 2 * base.parameters * (2 if machine.bf16 else 4) / _GIB + _BESIDE_GIB

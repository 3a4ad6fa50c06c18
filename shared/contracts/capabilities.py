"""What a worker's machine can train."""

from pydantic import NonNegativeFloat, PositiveInt

from shared.contracts.base import Versioned


class Capabilities(Versioned):
    """What a worker's machine can train."""

    device: str
    """Name of its accelerator, or ``cpu``."""

    devices: PositiveInt
    """How many of them a run holds."""

    memory_gib: NonNegativeFloat
    """Of one device, in GiB; of the machine where there is none."""

    bf16: bool
    """Whether weights and arithmetic may be in bfloat16."""

    flash_attention: bool
    """Whether FlashAttention is installed and the device can run it; needed for packing."""

    quantised: bool
    """Whether a base model can be held in 4 bits, as ``qlora`` wants."""

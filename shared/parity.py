"""What a trainer leaves beside its weights, by which whoever serves them shows that they are those.

The model answers some of its training samples while it still is the object that was trained. What
serves the checkpoint later is asked the same; see decision 0017.
"""

import hashlib
from pathlib import Path

from pydantic import Field, PositiveInt

from shared.contracts.base import Contract, Versioned

PARITY = "parity.json"
"""File of a checkpoint's folder that holds a `Parity`."""

NEW_TOKENS = 16
"""Tokens of a greedy answer that is compared."""


class Witness(Contract):
    """What the trained model made of one training sample."""

    messages: tuple[dict[str, str], ...] = Field(min_length=1)
    """What was asked: chat messages, each with ``role`` and ``content``."""

    prompt: tuple[int, ...]
    """Token ids of the messages, up to where the answer begins."""

    reference: str
    """The sample's own answer, or its beginning."""

    tokens: PositiveInt
    """Of the reference, the end of its turn included."""

    logprob: float
    """Mean log-probability of those tokens, in nats."""

    answer: str
    """What the model said itself, greedily, in at most `NEW_TOKENS` tokens; without special tokens,
    and without bytes at its end that make no whole character."""


class Parity(Versioned):
    """What a model answered where it was trained."""

    weights_sha256: str
    """Of the weights it stands beside; see `weights_sha256`."""

    template_sha256: str
    """Of the chat template it was trained with."""

    four_bits: bool
    """Whether the base model was held in 4 bits. Who serves the adapter holds it in more."""

    witnesses: tuple[Witness, ...] = Field(min_length=1, max_length=32)
    """Spread evenly over the training samples."""


def weights_sha256(folder: Path) -> str:
    """Return the SHA-256 of the names and hashes of a checkpoint's weight files, of none as well.

    Only of the folder itself: in another below it may lie what an adapter was compared with.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name} {found}\n".encode())
    return whole.hexdigest()

"""The key that an evaluator signs scores with. It never leaves the vault."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.vault import PUBLIC_KEY, make_vault


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The public key, as 64 hexadecimal digits."""
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, data: bytes) -> str:
        """Return a signature, as 128 hexadecimal digits."""
        return self.private.sign(data).hex()


def signing_key(vault: Path) -> SigningKey:
    """Return the key of a vault, made by the first evaluator that asks; its public half is beside.

    Evaluators that ask at the same time get the same key.
    """
    place = make_vault(vault) / "key"
    if not place.exists():
        _put(Ed25519PrivateKey.generate().private_bytes_raw().hex(), place)
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(place.read_text())))
    if not (vault / PUBLIC_KEY).exists():
        _put(key.public, vault / PUBLIC_KEY)
    return key


def _put(text: str, place: Path) -> None:
    """Write a whole file, for this user alone, unless one is there."""
    descriptor, name = tempfile.mkstemp(dir=place.parent)  # with mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        place.hardlink_to(name)
    except FileExistsError:
        pass  # another evaluator was faster: its key it is
    finally:
        Path(name).unlink()

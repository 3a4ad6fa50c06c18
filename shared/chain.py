"""How the scores of a job are chained, so that changing one afterwards shows. Pure.

Source: Haber and Stornetta, "How to Time-Stamp a Digital Document", 1991, section 5.1.
"""

import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.contracts.score import Score, ScoreRequest, Seal

START = "0" * 64
"""What stands in the first seal for the digest before it."""


def digest_of(number: int, previous: str, request: ScoreRequest, score: Score) -> str:
    """Return the SHA-256 that seals a score, as 64 hexadecimal digits.

    It is that of ``{"number", "previous", "request", "score"}`` as JSON in UTF-8, keys sorted,
    without white space and without the score's seal. Fields that have their defaults are left out,
    so that a field of a later version changes no digest.
    """
    entry = {
        "number": number,
        "previous": previous,
        "request": request.model_dump(mode="json", exclude_defaults=True),
        "score": score.model_dump(mode="json", exclude_defaults=True, exclude={"seal"}),
    }
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_signed(seal: Seal) -> bool:
    """Say whether the digest of a seal was signed with the key it names."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.key))
        key.verify(bytes.fromhex(seal.signature), bytes.fromhex(seal.digest))
    except (InvalidSignature, ValueError):
        return False
    return True

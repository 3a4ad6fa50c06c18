"""Says whether the worker beside it is healthy: ``python -m shared.healthy``, for a container.

The worker writes a file (``TREX_QUEUE_HEALTH``) whenever it has said in Redis that it is alive, and
until when that holds. Imports nothing that takes time, for it is run every few seconds.
"""

import os
import sys
import time
from pathlib import Path

VARIABLE = "TREX_QUEUE_HEALTH"


def write_health(file: Path, *, for_s: float, sentence: str) -> None:
    """Note how a worker is, and for how many seconds that holds; 0 for one that is not healthy.

    The clock is the kernel's own, which nobody sets and all processes of a host share.
    """
    new = file.with_name(f".{file.name}.new")
    line = " ".join(sentence.split())
    new.write_text(f"{time.monotonic() + for_s}\n{line}\n", encoding="utf-8")
    new.replace(file)


def health(file: Path) -> tuple[bool, str]:
    """Return whether the worker that writes a file is healthy, and a sentence."""
    try:
        said, sentence = file.read_text(encoding="utf-8").splitlines()
        until = float(said)
    except (OSError, ValueError):
        return (
            False,
            f"{file}: wanted what a worker writes there, found nothing; it may be starting",
        )
    silent_s = time.monotonic() - until
    if silent_s >= 0 and sentence == "alive":
        sentence = f"it has been silent for {silent_s:.0f} s too long"
    return silent_s < 0, sentence


def main() -> int:
    """Print how the worker is and return 0 when it is healthy, else 1."""
    if VARIABLE not in os.environ:
        sys.stderr.write(f"healthy: wanted {VARIABLE} to name a file, found it unset\n")
        return 1
    well, sentence = health(Path(os.environ[VARIABLE]))
    sys.stdout.write(f"healthy: {sentence}\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())

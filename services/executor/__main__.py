"""Starts an executor. The only place that reads the environment."""

import sys


def main() -> int:
    """Answer messages until SIGTERM or Ctrl-C and return the exit status."""
    # Imported here because training processes import this module again, and need none of it.
    from services.executor.worker import run
    from shared.entry import enter
    from shared.settings import ArtifactSettings, QueueSettings

    return enter("executor", lambda: run(QueueSettings(), ArtifactSettings()))


if __name__ == "__main__":
    sys.exit(main())

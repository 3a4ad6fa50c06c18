"""Starts an executor. The only place that reads the environment."""

import os
import sys


def main() -> int:
    """Answer messages until SIGTERM or Ctrl-C and return the exit status."""
    # Imported here because training processes import this module again, and need none of it.
    from services.executor.worker import run
    from shared.errors import TrexError, exit_status
    from shared.logs import start_logging
    from shared.settings import ArtifactSettings, QueueSettings, read_settings

    start_logging("executor")
    try:
        read_settings(os.environ)
        run(QueueSettings(), ArtifactSettings())
    except TrexError as error:
        print(f"executor: {error}", file=sys.stderr)
        return exit_status(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How every service starts: logs, a checked environment, errors as one sentence and a status."""

import os
import signal
import sys
from collections.abc import Callable

from shared.errors import TrexError, exit_status
from shared.logs import start_logging
from shared.settings import read_settings


def enter(service: str, start: Callable[[], None]) -> int:
    """Run a service until it stops and return its exit status; see `shared.errors.exit_status`.

    SIGTERM ends it from the first moment on; a service that has work to hand back says how later.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    start_logging(service)
    try:
        read_settings(os.environ)
        start()
    except TrexError as error:
        sys.stderr.write(f"{service}: {error}\n")
        return exit_status(error)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0

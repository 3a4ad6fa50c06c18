"""How every service starts: logs, a checked environment, errors as one sentence and a status."""

import os
import signal
import sys
from collections.abc import Callable

from shared.errors import TrexError, exit_status
from shared.logs import start_logging
from shared.settings import LogSettings, MetricsSettings, read_settings
from shared.telemetry.process import is_wanted, observed


def enter(service: str, start: Callable[[], None], *, has_api: bool = False) -> int:
    """Run a service until it stops and return its exit status; see `shared.errors.exit_status`.

    SIGTERM ends it from the first moment on; a service that has work to hand back says how later.
    One that has an API shows its metrics there.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    start_logging(service)
    try:
        read_settings(os.environ)
        start_logging(service, LogSettings().format or ("json" if is_wanted() else "text"))
        with observed(service, None if has_api else MetricsSettings()):
            start()
    except TrexError as error:
        sys.stderr.write(f"{service}: {error}\n")
        return exit_status(error)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0

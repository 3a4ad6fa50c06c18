"""Asks what this machine can train, while the worker already answers messages."""

import logging
import threading
from collections.abc import Callable

from shared.contracts.capabilities import Capabilities
from shared.errors import TrainingFailed

logger = logging.getLogger(__name__)


class Inquiry:
    """A question that takes seconds, put once."""

    def __init__(self, ask: Callable[[], Capabilities]) -> None:
        """Begin to ask, in a thread of its own."""
        self._ask = ask
        self._answer: Capabilities | None = None
        self._thread = threading.Thread(target=self._find_out, name="inquiry", daemon=True)
        self._thread.start()

    def answer(self) -> Capabilities | None:
        """Return what was found; None before that, and when nothing could be found."""
        return self._answer

    def wait(self) -> None:
        """Return once it is settled whether there is an answer."""
        self._thread.join()

    def _find_out(self) -> None:
        try:
            self._answer = self._ask()
            logger.info("this machine: %s", self._answer.model_dump_json())
        except (TrainingFailed, OSError) as error:
            logger.warning("nobody will know what this machine can train: %s", error)

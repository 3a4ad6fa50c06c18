"""The researcher's language model, one a process: what it can do, and whether it is there."""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, NonNegativeInt, ValidationError

from services.researcher.llm.adviser import ModelAway
from services.researcher.llm.asking.backoff import Backoff
from services.researcher.llm.asking.redacting import redacted
from shared.asking.sending import NoReply, Received, post
from shared.asking.server import LOOK_S, MayPass, Server
from shared.errors import Rejected, Unavailable
from shared.settings import LlmSettings, ResearcherSettings

logger = logging.getLogger(__name__)

WINDOW = 32_768
"""Tokens of question and reply together where neither setting nor server says."""

BYTES_A_TOKEN = 3
"""Of text, where no tokenizer can be asked: rather too few, so that rather too many are counted."""

COUNTED = 10_000
"""Texts whose number of tokens is remembered."""

COUNT_AGAIN_S = 30.0
"""Seconds after which a tokenizer that did not answer is asked again."""

POLL_S = 5.0
"""Seconds between two looks whether a model is there yet."""

LOOKS_S = 0.5
"""Seconds between two looks whether it is still waited for."""

AGAIN_S = 0.5
"""Seconds after which a connection that could not be made is tried once more."""


class _Count(BaseModel):
    count: NonNegativeInt


class Endpoint:
    """A model behind a server that speaks OpenAI's chat completions.

    Nothing is asked before it is needed, and what a server can do is asked once, and again when it
    was away. After a failure it is left alone for a while; see `asking.backoff`.
    """

    def __init__(
        self,
        llm: LlmSettings,
        settings: ResearcherSettings,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take where the model is and what it is called.

        Raises:
            Rejected: there is no model in the settings, or its address or key cannot be one.
        """
        if settings.model is None:
            raise Rejected("wanted a language model, found none; set TREX_RESEARCHER_MODEL")
        self.server = Server.of(llm, settings.model)
        self.takes_schemas: bool | None = None
        """Whether replies follow a JSON schema; None until it was tried."""
        self.counts_exactly: bool | None = None
        """Whether its tokenizer counts; False where bytes do, None until it was tried."""
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff()
        self._window = settings.context_tokens
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._count_again = 0.0

    @property
    def model(self) -> str:
        """What the server calls it."""
        return self.server.model

    def window(self) -> int:
        """Return how many tokens question and reply may have together.

        Raises:
            ModelAway: the server has to be asked, and does not answer.
        """
        if self._window is None:
            self.refuse_while_away()
            try:
                self._window = self.server.window() or WINDOW
            except Unavailable as away:
                raise self.went_away(str(away)) from None
        return self._window

    def count(self, text: str) -> int:
        """Return how many tokens a text has, by the server's tokenizer or else by its bytes."""
        key = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        known = self._counts.get(key)
        if known is not None:
            self._counts.move_to_end(key)
            return known
        found = self._tokenized(text)
        if found is None:
            return -(-len(text.encode(errors="replace")) // BYTES_A_TOKEN)
        self._counts[key] = found
        if len(self._counts) > COUNTED:
            self._counts.popitem(last=False)
        return found

    def send(self, body: Mapping[str, Any], give_up: Callable[[], None]) -> Received:
        """Return what the server says to a request for a chat completion, whatever it is.

        A connection that cannot be made is tried twice.

        Raises:
            NoReply: nothing whole came back.
        """

        def once() -> Received:
            return post(
                f"{self.server.address}/chat/completions",
                body,
                headers=self.server.headers,
                answer_s=self._settings.answer_s,
                give_up=give_up,
            )

        try:
            return once()
        except NoReply as nothing:
            if nothing.was_sent:
                raise
        self._sleep(AGAIN_S)
        return once()

    def refuse_while_away(self) -> None:
        """Return unless the model was away a moment ago.

        Raises:
            ModelAway: it was, and it is too early to try it again.
        """
        left_s = self._backoff.left_s(self._clock())
        if left_s > 0:
            raise ModelAway(f"{self._backoff.why}; it is tried again in {left_s:.0f} s")

    def went_away(self, why: str, retry_after_s: float | None = None) -> ModelAway:
        """Note that the model is away, and return what to raise."""
        # It may come back as another server. One that took schemas says so when it takes none.
        self.takes_schemas = self.takes_schemas or None
        self.counts_exactly = None
        self._window = self._settings.context_tokens
        why = redacted(why, self.server.key)
        self._backoff = self._backoff.after_failure(self._clock(), why, retry_after_s)
        left_s = self._backoff.left_s(self._clock())
        logger.warning("%s; it is tried again in %.0f s", why, left_s)
        return ModelAway(f"{why}; it is tried again in {left_s:.0f} s")

    def came_back(self) -> None:
        """Note that the model answers."""
        self._backoff = Backoff()

    def wait_until_there(
        self, for_s: float, give_up: Callable[[], None], say: Callable[[str], None]
    ) -> bool:
        """Return True once the server has the model, and False when it is not worth waiting.

        That is at once where it failed before and no answer came since, so that nobody waits twice
        and a server that asked to be left alone is, and where waiting changes nothing.

        Args:
            for_s: seconds to wait at most; a last look may take ten more.
            give_up: called about twice a second; what it raises ends the waiting.
            say: told every few seconds why there is a wait.
        """
        if self._backoff.why:
            return False
        end = self._clock() + for_s
        while True:
            try:
                self.server.window(give_up)
            except Unavailable as away:
                why = redacted(str(away), self.server.key)
                left_s = end - self._clock() if isinstance(away, MayPass) else 0.0
            else:
                return True
            if left_s <= 0:
                self.went_away(why)
                return False
            say(f"{why}; waiting {left_s:.0f} s more before rules begin")
            self._pause(min(POLL_S, left_s), give_up)

    def _pause(self, for_s: float, give_up: Callable[[], None]) -> None:
        end = self._clock() + for_s
        while (left_s := end - self._clock()) > 0:
            give_up()
            self._sleep(min(LOOKS_S, left_s))

    def _tokenized(self, text: str) -> int | None:
        """Return what the server's tokenizer counts, None where there is none or it is away."""
        if self.counts_exactly is False or self._clock() < self._count_again:
            return None
        try:
            found = post(
                f"{self.server.root}/tokenize",
                {"model": self.model, "prompt": text, "add_special_tokens": False},
                headers=self.server.headers,
                answer_s=LOOK_S,
                give_up=lambda: None,
            )
            if found.status in (404, 405):
                self.counts_exactly = False
                return None
            count = _Count.model_validate_json(found.body).count
        except (NoReply, ValidationError):
            self._count_again = self._clock() + COUNT_AGAIN_S
            return None
        self.counts_exactly = True
        return count

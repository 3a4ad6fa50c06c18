"""An adviser for one piece of work: asks, repairs, and gives up before it goes in circles."""

import hashlib
import time
from collections.abc import Callable
from typing import TypeVar

from services.researcher.llm.adviser import REPAIRS, ModelUseless
from services.researcher.llm.asking.endpoint import Endpoint
from services.researcher.llm.asking.reading import read
from services.researcher.llm.asking.redacting import kept
from services.researcher.llm.asking.replies import Reply
from services.researcher.llm.asking.requests import Heard, Requests, SchemasRefused, apart, narrow
from services.researcher.llm.asking.reserving import Purse
from services.researcher.llm.asking.talk import Sent, Talk, opening
from services.researcher.llm.prompts import Prompt, prompts
from shared.asking import probe
from shared.asking.probe import Probe
from shared.asking.question import Shape, name_of, response_format
from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Caps, Counsel
from shared.errors import Rejected
from shared.notebook import Notebook
from shared.settings import ResearcherSettings

LEAST = 1024
"""Tokens that a question must have room for, beside its prompt."""

SAID = 500
"""Characters of a sentence about a useless model."""

PROBE = Prompt("probe", 1, probe.TEXT, hashlib.sha256(probe.TEXT.encode()).hexdigest())

S = TypeVar("S", bound=Shape)


class Consultation:
    """An `Adviser` over an endpoint, for one piece of work. It may be used by one thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        notebook: Notebook,
        job_id: JobId,
        work_id: WorkId,
        caps: Caps,
        settings: ResearcherSettings,
        give_up: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take whom to ask, for whom, and who pays. Nothing is asked yet.

        Args:
            endpoint: of the process.
            notebook: keeps calls and costs.
            job_id: whose work it is.
            work_id: which work.
            caps: of the job.
            settings: of the researcher.
            give_up: called at least every second of waiting; what it raises ends the work.
            clock: seconds since 1970.
        """
        self._endpoint = endpoint
        self._settings = settings
        self._repaired = 0
        self._requests = Requests(
            endpoint=endpoint,
            purse=Purse.of(notebook, job_id, caps, settings),
            work_id=work_id,
            settings=settings,
            give_up=give_up,
            clock=clock,
        )

    @property
    def room(self) -> int:
        """Tokens that a question may have beside any of the prompts.

        Raises:
            ModelUseless: fewer than `LEAST`.
            ModelAway: the server was asked for its context window, and does not answer.
        """
        window = self._endpoint.window()
        longest = max((self.count(prompt.text) for prompt in prompts()), default=0)
        room = window - self._settings.max_tokens - longest - apart(window)
        if room < LEAST:
            raise ModelUseless(narrow(self._endpoint, self._settings, LEAST - room))
        return room

    def count(self, text: str) -> int:
        """See `Adviser.count`."""
        return self._endpoint.count(text)

    @property
    def counsel(self) -> Counsel:
        """See `Adviser.counsel`. What rules did in its place is for others to add."""
        return Counsel(
            model=self._endpoint.model,
            prompts=tuple(self._requests.prompts),
            calls=self._requests.calls,
            spend=self._requests.spend,
            repaired=self._repaired,
        )

    def ask(
        self,
        prompt: Prompt,
        told: str,
        shape: type[S],
        *,
        check: Callable[[S], None] = lambda _: None,
    ) -> S:
        """See `Adviser.ask`. Keys and passwords are sent nowhere."""
        self._endpoint.refuse_while_away()
        by_schema = self._takes_schemas()
        in_words = opening(prompt, told, shape, with_schema=True)
        bare = opening(prompt, told, shape, with_schema=False)
        talk = Talk(prompt, bare if by_schema else in_words, by_schema)
        before: Reply | None = None
        for repairs in range(REPAIRS + 1):
            heard = self._answer(talk, shape, in_words)
            wrong = _fault(heard.reply)
            if wrong is None:
                try:
                    answer = read(shape, heard.reply.text, is_cut_off=heard.reply.is_cut_off)
                    check(answer)
                except Rejected as error:
                    wrong = str(error)
                else:
                    self._requests.note(heard, None)
                    self._repaired += repairs > 0
                    return answer
            self._requests.note(heard, wrong)
            if before is not None and heard.reply.words == before.words:
                raise self._useless(shape, "the same wrong answer twice", wrong)
            # From here on in words too: a model may overlook what its server minds.
            talk.opening = in_words
            talk.repair_with(heard.reply, wrong)
            before = heard.reply
        raise self._useless(shape, f"nothing that can be used after {REPAIRS} repairs", wrong)

    def _takes_schemas(self) -> bool:
        """Say whether replies follow a JSON schema; the first time that takes a request."""
        if self._endpoint.takes_schemas is None:
            self._endpoint.takes_schemas = self._probe()
        return self._endpoint.takes_schemas

    def _probe(self) -> bool:
        messages = [{"role": "user", "content": PROBE.text}]
        asked = {"response_format": response_format(Probe), "temperature": 0}
        try:
            heard = self._requests.put(PROBE, messages, asked)
        except SchemasRefused:
            return False
        minds = probe.minds(heard.reply.text)
        self._requests.note(
            heard, None if minds else "wanted JSON of a schema, found something else"
        )
        return minds

    def _answer(self, talk: Talk, shape: type[Shape], in_words: list[Sent]) -> Heard:
        if talk.by_schema:
            try:
                return self._requests.put(
                    talk.prompt, talk.messages, {"response_format": response_format(shape)}
                )
            except SchemasRefused:
                talk.by_schema = False
                talk.opening = in_words
        return self._requests.put(talk.prompt, talk.messages, {})

    def _useless(self, shape: type[Shape], found: str, wrong: str | None) -> ModelUseless:
        why = kept(wrong or "", self._endpoint.server.key, most=SAID)
        return ModelUseless(
            f"wanted {name_of(shape)} of {self._endpoint.model!r}, found {found} ({why}); set "
            "TREX_RESEARCHER_MODEL to a more able model"
        )


def _fault(reply: Reply) -> str | None:
    """Return what is wrong with a reply before it is read: a call where an answer was wanted."""
    if not reply.calls or reply.text.strip():
        return None
    names = ", ".join(name[:80] for name in reply.calls)
    return f"wanted JSON, found a call of {names}, which there is not; reply with the object"

"""A consultation over a fake language model, and what it left in the notebook."""

from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from services.researcher.llm.asking.consultation import Consultation
from services.researcher.llm.asking.endpoint import Endpoint
from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Call, Caps, Spend
from shared.notebook_memory import MemoryNotebook
from shared.settings import LlmSettings, ResearcherSettings
from trex.fake_llm.server import FakeLlm

KEY = "sk-of-the-user-1234567890"
JOB = JobId("job-20261126-120000-abcdef")
WORK = WorkId("propose/1")


def settings_of(fake: FakeLlm, **more: Any) -> ResearcherSettings:
    given = {"max_tokens": 1024, "answer_s": 60.0, **more}
    return ResearcherSettings(model=fake.model, **given)


def endpoint_of(fake: FakeLlm, **more: Any) -> Endpoint:
    clock: dict[str, Any] = {name: more.pop(name) for name in ("clock", "sleep") if name in more}
    llm = LlmSettings(base_url=fake.url, api_key=SecretStr(KEY))
    return Endpoint(llm, settings_of(fake, **more), **{"sleep": lambda _: None, **clock})


class Consulted:
    """One piece of work's consultation, with what is needed to look behind it."""

    def __init__(
        self,
        fake: FakeLlm,
        *,
        endpoint: Endpoint | None = None,
        notebook: MemoryNotebook | None = None,
        caps: Caps | None = None,
        give_up: Callable[[], None] = lambda: None,
        schemas: bool | None = True,
        **settings: Any,
    ) -> None:
        """Take a fake; ``schemas`` is what is known of it, None to have it probed."""
        self.notebook = notebook or MemoryNotebook()
        self.endpoint = endpoint or endpoint_of(fake, **settings)
        self.endpoint.takes_schemas = schemas
        self.adviser = Consultation(
            self.endpoint,
            notebook=self.notebook,
            job_id=JOB,
            work_id=WORK,
            caps=caps or Caps(),
            settings=settings_of(fake, **settings),
            give_up=give_up,
            clock=lambda: 0.0,
        )

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.notebook.calls(JOB, WORK)

    @property
    def spent(self) -> Spend:
        return self.notebook.spent(JOB)

import threading

import pytest
from pydantic import SecretStr

from services.researcher.worker import Desk, run
from shared.answering import Lease
from shared.contracts.base import WorkId
from shared.errors import Rejected
from shared.notebook_memory import MemoryNotebook
from shared.settings import (
    LlmSettings,
    QueueSettings,
    ResearcherSettings,
    SemanticScholarSettings,
)
from shared.store import Claim
from shared.store_memory import MemoryStore
from tests.support.examples import DIAGNOSE_REQUEST, JOB, SPEC, recipe


def test_a_key_of_semantic_scholar_that_no_header_may_hold_is_refused_at_the_start() -> None:
    scholar = SemanticScholarSettings(api_key=SecretStr("schlüssel"))

    with pytest.raises(Rejected, match="S2_API_KEY: wanted a key of printable characters"):
        run(QueueSettings(), ResearcherSettings(), LlmSettings(), scholar)


def test_lessons_have_the_date_that_all_researchers_share_and_not_that_of_their_host() -> None:
    notebook = MemoryNotebook()
    desk = Desk(notebook, ResearcherSettings(), endpoint=None, clock=lambda: 1000.0)
    of_a_child = {"parent": 1, "recipe": recipe(4e-3), "parent_recipe": recipe(1e-3)}
    request = DIAGNOSE_REQUEST.model_copy(
        update={**of_a_child, "metric": SPEC.metric, "base_parameters": 1_000_000}
    )
    claim = Claim(JOB, WorkId("diagnose-3"), fence=1, attempt=1, request=request)
    over = threading.Event()

    desk.perform(Lease(MemoryStore(), claim, heartbeat_s=60, lease_s=60, handed_back=over))

    assert {lesson.at for lesson in notebook.lessons()} == {1000.0}

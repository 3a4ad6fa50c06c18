import pytest
from pydantic import SecretStr

from services.researcher.worker import run
from shared.errors import Rejected
from shared.settings import (
    LlmSettings,
    QueueSettings,
    ResearcherSettings,
    SemanticScholarSettings,
)


def test_a_key_of_semantic_scholar_that_no_header_may_hold_is_refused_at_the_start() -> None:
    scholar = SemanticScholarSettings(api_key=SecretStr("schlüssel"))

    with pytest.raises(Rejected, match="S2_API_KEY: wanted a key of printable characters"):
        run(QueueSettings(), ResearcherSettings(), LlmSettings(), scholar)

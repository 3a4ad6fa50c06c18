"""Starts the researcher. The only place that reads the environment."""

import sys

from services.researcher.worker import run
from shared.entry import enter
from shared.settings import (
    LlmSettings,
    QueueSettings,
    ResearcherSettings,
    SemanticScholarSettings,
)


def main() -> int:
    """Answer messages until SIGTERM or Ctrl-C and return the exit status."""
    return enter(
        "researcher",
        lambda: run(
            QueueSettings(), ResearcherSettings(), LlmSettings(), SemanticScholarSettings()
        ),
    )


if __name__ == "__main__":
    sys.exit(main())

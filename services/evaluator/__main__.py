"""Starts the evaluator. The only place that reads the environment."""

import sys

from services.evaluator.worker import run
from shared.entry import enter
from shared.settings import (
    ArtifactSettings,
    EvaluatorSettings,
    FtbenchSettings,
    JudgeSettings,
    QueueSettings,
)


def main() -> int:
    """Answer messages until SIGTERM or Ctrl-C and return the exit status."""
    return enter(
        "evaluator",
        lambda: run(
            QueueSettings(),
            ArtifactSettings(),
            EvaluatorSettings(),
            FtbenchSettings(),
            JudgeSettings(),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())

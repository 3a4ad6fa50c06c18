"""Carries out one recipe on this machine: no planner, no Redis, no Celery.

``python -m services.executor.once OUT CACHE`` reads a recipe as JSON and writes JSON lines: where
it stands whenever that changes, and last how it ended.
"""

import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from services.executor.child import failed
from services.executor.training import WarmTrainer
from shared.contracts.base import Contract, ExperimentId, JobId, digest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Outcome, Progress, RunRequest, Trained
from shared.errors import TrexError
from shared.settings import TeacherSettings

NO_LIMIT_S = 1e9
"""Seconds a run may take that nobody budgets: thirty years."""

LOOK_S = 0.5
"""Seconds between two looks at where training stands."""

GRACE_S = 10.0
"""Seconds training gets to leave before it is killed."""


def carry_out_once(
    recipe: Recipe,
    out: Path,
    cache: Path,
    *,
    teacher: TeacherSettings,
    say: Callable[[Progress], None],
) -> Outcome:
    """Train a recipe and return the outcome; its checkpoint is ``out``, whole or not there.

    What training wrote to its log lies beside it, in a file that ends in ``.log``.

    Args:
        recipe: what to do.
        out: the folder to make; nothing is there yet.
        cache: where prepared data is kept for other runs.
        teacher: whom data operators may ask.
        say: told where the run stands.

    Raises:
        TrainingFailed: the training process died.
    """
    request = RunRequest(
        job_id=JobId(f"recipe-{digest(recipe)[:12]}"),
        experiment=ExperimentId(1),
        recipe=recipe,
        limit_s=NO_LIMIT_S,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        folder = Path(scratch) / "checkpoint"
        try:
            outcome = _trained(request, folder, cache, teacher, say)
        finally:
            log = folder.with_name("train.log")
            if log.exists():
                log.replace(out.with_name(f"{out.name}.log"))
        if isinstance(outcome, Trained):
            folder.rename(out)
            return outcome.model_copy(update={"checkpoint": str(out)})
    return outcome


def _trained(
    request: RunRequest,
    folder: Path,
    cache: Path,
    teacher: TeacherSettings,
    say: Callable[[Progress], None],
) -> Outcome:
    said: Progress | None = None
    trainer = WarmTrainer(grace_s=GRACE_S, teacher=teacher)
    with trainer.start(request, folder, cache) as training:
        while (outcome := training.wait(LOOK_S)) is None:
            if training.progress is not None and training.progress != said:
                said = training.progress
                say(said)
    return outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the recipe on stdin; what went wrong is the last line, and the status is 0."""
    out, cache = map(Path, argv or sys.argv[1:])
    # Left as by Ctrl-C, so that the training process is stopped too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    recipe = Recipe.model_validate_json(sys.stdin.read())
    try:
        outcome = carry_out_once(recipe, out, cache, teacher=TeacherSettings(), say=_write)
    except TrexError as error:
        outcome = Failed(error=type(error).__name__, detail=str(error))
    except OSError as error:
        outcome = failed(error)
    _write(outcome)
    return 0


def _write(line: Contract) -> None:
    sys.stdout.write(line.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

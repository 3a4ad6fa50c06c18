"""Takes a recipe out of the search: carries it out here, or hands it to another tool.

Both are done by the executor, in a process of its own: this one never imports torch.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console
from rich.text import Text

from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Outcome, Progress, Trained
from shared.errors import Rejected, RunFailed, TrainingFailed
from trex.local import SPIN_COUNT
from trex.watching import PROGRESS_S
from trex.words import clean, duration_words, progress_words

_LINE: TypeAdapter[Progress | Outcome] = TypeAdapter(Progress | Outcome)


def train(recipe: Recipe, out: Path, cache: Path, console: Console) -> Trained:
    """Train a recipe in a process of its own and return the outcome; its checkpoint is ``out``.

    Args:
        recipe: what to do.
        out: the folder to make.
        cache: where prepared data is kept.
        console: a line that changes is drawn on a terminal, lines are written to anything else.

    Raises:
        Rejected: something is at ``out``.
        RunFailed: there is no checkpoint; the message says why.
    """
    _refuse_existing(out)
    command = [sys.executable, "-m", "services.executor.once", str(out.resolve()), str(cache)]
    with _told(console) as tell, _running(command, recipe) as lines:
        outcome = None
        for line in lines:
            found = _LINE.validate_json(line)
            if isinstance(found, Progress):
                tell(found)
            else:
                outcome = found
    if outcome is None:
        raise TrainingFailed(
            "wanted an outcome, found that the executor died; its words stand above"
        )
    if isinstance(outcome, Failed):
        raise RunFailed(outcome.detail)
    return outcome


def hand_over(recipe: Recipe, tool: str, out: Path, cache: Path) -> int:
    """Write what another tool needs to train a recipe and return the exit status.

    Raises:
        Rejected: something is at ``out``.
    """
    _refuse_existing(out)
    command = [sys.executable, "-m", "services.executor.exports", tool, str(out), str(cache)]
    text = recipe.model_dump_json()
    return subprocess.run(command, input=text, text=True, check=False).returncode


def trained_words(trained: Trained, seconds: float) -> Iterator[str]:
    """Yield what is worth knowing of a run: rows, steps, loss and time."""
    yield "rows: " + ", ".join(f"{row.rows_out} after {row.operator}" for row in trained.rows)
    yield (
        f"{trained.steps} steps, {trained.tokens:,} tokens, loss {trained.train_loss:.4f}, "
        f"{duration_words(seconds)}"
    )


def _refuse_existing(out: Path) -> None:
    if out.exists():
        raise Rejected(
            f"{out}: wanted to make this folder, found it there; move it or choose another"
        )
    out.absolute().parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def _running(command: list[str], recipe: Recipe) -> Iterator[Iterator[str]]:
    """Yield the lines a process writes that was given a recipe; an error in the block stops it."""
    environment = {"GOMP_SPINCOUNT": SPIN_COUNT, **os.environ}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches this process alone, which stops the other
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(recipe.model_dump_json())
            process.stdin.close()
            yield iter(process.stdout)
        except BaseException:
            process.terminate()
            raise


@contextmanager
def _told(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Yield what shows where a run stands."""
    if console.is_terminal:
        with console.status("starting") as status:
            yield lambda progress: status.update(Text(clean(progress_words(progress))))
        return
    phase, told_at = "", float("-inf")

    def tell(progress: Progress) -> None:
        nonlocal phase, told_at
        if progress.phase != phase or time.monotonic() - told_at >= PROGRESS_S:
            phase, told_at = progress.phase, time.monotonic()
            console.print(Text(clean(progress_words(progress))), soft_wrap=True)

    yield tell

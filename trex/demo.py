"""The demo: a nano base model made on the spot, and a task that rewards searching for a recipe.

`trex demo` runs it; ``python -m trex.demo FOLDER`` makes its job file, rows and model and no more.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import typer
import yaml

from shared.errors import TrexError, Unavailable, exit_status
from trex.commands import say
from trex.dates import write_dates, write_pretraining_text
from trex.local import SPIN_COUNT

SEED = 0
ROWS = {"train": 2000, "dev": 300, "confirm": 300, "test": 300}
TEXT_LINES = 30_000
EXPERIMENTS = 9
RUN_S = 15
"""Seconds one run may take: enough for a good recipe, and a poor one does not hold up the rest."""


def prepare(home: Path, *, say: Callable[[str], None]) -> Path:
    """Return the path of the demo's job file; its data and base model are made when missing.

    The base model takes most of a minute to pre-train and is kept in ``home``.

    Raises:
        Unavailable: the base model could not be made.
    """
    return _prepare(home.resolve() / "demo", say)


def _prepare(folder: Path, say: Callable[[str], None]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_dates(folder, seed=SEED, **ROWS)
    base = _base_model(folder, say)
    job = folder / "job.yaml"
    job.write_text(yaml.safe_dump(_job(base.name), sort_keys=False, allow_unicode=True))
    return job


def _base_model(folder: Path, say: Callable[[str], None]) -> Path:
    text = folder / "pretraining.txt"
    write_pretraining_text(text, seed=SEED, lines=TEXT_LINES)
    made_from = hashlib.sha256(text.read_bytes() + version("open-trex").encode()).hexdigest()
    base = folder / f"base-{made_from[:12]}"
    if base.is_dir():
        say(f"the nano base model is at hand: {base}")
        return base
    say("no base model is at hand, so a nano one is pre-trained first; it is kept for next time")
    command = [sys.executable, "-m", "services.executor.nano", str(text), "--out", str(base)]
    environment = {"GOMP_SPINCOUNT": SPIN_COUNT, **os.environ}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as making:
        assert making.stderr is not None
        for line in making.stderr:
            say(line.rstrip())
    if making.returncode != 0:
        raise Unavailable(
            f"wanted a nano base model at {base}, found that making it ended with status "
            f"{making.returncode}; its words stand above"
        )
    return base


def _job(base: str) -> dict[str, object]:
    return {
        "goal": "Write dates in nine languages as ISO 8601",
        "base_model": f"./{base}",
        "data": {
            **{split: f"{split}.jsonl" for split in ROWS},
            "mapping": {"prompt": "{text}", "completion": "{iso}"},
        },
        "metric": "exact_match",
        "budget": {"experiments": EXPERIMENTS},
        "limits": {"max_length": 64, "max_new_tokens": 16, "run_s": RUN_S},
    }


def main(folder: Path) -> int:
    """Make what the demo needs in a folder, print the path of its job file and return a status."""
    try:
        typer.echo(str(_prepare(folder.resolve(), say)))
    except TrexError as error:
        say(f"demo: {error}")
        return exit_status(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""``python -m services.executor.exports TOOL OUT CACHE`` exports the recipe it reads as JSON.

How `trex export` comes to it without importing a service. Notes go to stderr.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.executor.exports.folder import TOOLS, export
from services.executor.teacher.teacher import Teacher
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress
from shared.errors import Rejected, TrexError, exit_status
from shared.settings import TeacherSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Export, say what the tool cannot do, and return the exit status."""
    parser = argparse.ArgumentParser(prog="exports", description=__doc__)
    parser.add_argument("tool", choices=sorted(TOOLS))
    parser.add_argument("out", type=Path)
    parser.add_argument("cache", type=Path)
    asked = parser.parse_args(argv)
    try:
        recipe = Recipe.model_validate_json(sys.stdin.read())
        teacher = Teacher(TeacherSettings(), asked.cache, say=_tell)
        exported = export(recipe, asked.tool, asked.out, asked.cache, teacher)
    except TrexError as error:
        sys.stderr.write(f"trex: {error}\n")
        return exit_status(error)
    except OSError as error:
        sys.stderr.write(
            f"trex: wanted to write into {asked.out}, found: {error.strerror}; free some space or "
            "name another folder\n"
        )
        return exit_status(Rejected())
    for note in exported.notes:
        sys.stderr.write(f"note: {note}\n")
    sys.stderr.write(f"next: cd {asked.out} && {exported.command}\n")
    return 0


def _tell(progress: Progress) -> None:
    if progress.steps:
        sys.stderr.write(f"{progress.phase}: {progress.step} of {progress.steps}\n")


if __name__ == "__main__":
    sys.exit(main())

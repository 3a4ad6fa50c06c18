"""``python -m services.executor.exports TOOL OUT CACHE`` exports the recipe it reads as JSON.

How `trex export` comes to it without importing a service. Notes go to stderr.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.executor.exports.folder import TOOLS, export
from shared.contracts.recipe import Recipe
from shared.errors import Rejected, TrexError, exit_status


def main(argv: Sequence[str] | None = None) -> int:
    """Export, say what the tool cannot do, and return the exit status."""
    parser = argparse.ArgumentParser(prog="exports", description=__doc__)
    parser.add_argument("tool", choices=sorted(TOOLS))
    parser.add_argument("out", type=Path)
    parser.add_argument("cache", type=Path)
    asked = parser.parse_args(argv)
    try:
        recipe = Recipe.model_validate_json(sys.stdin.read())
        exported = export(recipe, asked.tool, asked.out, asked.cache)
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


if __name__ == "__main__":
    sys.exit(main())

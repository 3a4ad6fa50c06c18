"""What every command line of this project does alike: errors are a sentence and a status."""

from typing import Any

import typer
from typer.core import TyperGroup

from shared.errors import Rejected, TrexError, exit_status


class Commands(TyperGroup):
    """Turns this project's errors into one line and a status, never into a traceback."""

    def invoke(self, ctx: Any) -> object:
        """Run the command and exit as `exit_status` says when it fails."""
        try:
            return super().invoke(ctx)
        except TrexError as error:
            from trex.words import clean

            say(f"{self.name}: {clean(str(error))}")
            raise typer.Exit(exit_status(error)) from None
        except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
            say(f"{self.name}: {error.filename}: {error.strerror}; correct it or use another path")
            raise typer.Exit(exit_status(Rejected())) from None


def say(words: str) -> None:
    """Tell a person something; never data."""
    typer.echo(words, err=True)

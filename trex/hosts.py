"""`trex join` and `trex artifacts`: hosts of one system, and what they publish for each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trex.commands import say
from trex.connected import open_client

if TYPE_CHECKING:
    from shared.contracts.joining import Joining

OWN = ("TREX_TOKEN", "TREX_URL", "TREX_PLANNER_", "TREX_EVALUATOR_", "TREX_RESEARCHER_")
"""How variables of this host begin that an executor has no business with."""


def join(
    url: Annotated[str, typer.Argument(help="Of the planner, such as https://planner:8686.")],
    token: Annotated[
        str | None,
        typer.Option(envvar="TREX_TOKEN", help="What TREX_PLANNER_JOIN_TOKEN is there."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="For prepared data, checkpoints under way and copies.")
    ] = Path(".trex/artifacts"),
) -> None:
    """Train here what a system elsewhere wants trained, until Ctrl-C. Nobody connects to here."""
    import os
    import sys

    from shared.contracts.joining import refuse_others
    from trex.address import Address
    from trex.client import TrexClient

    _refuse_without_libraries()
    with TrexClient(Address(url.rstrip("/"), token or "", origin="--token")) as client:
        told = client.join()
    refuse_others(told.environment, what=url)
    say(f"this host trains for {url}; stop it with Ctrl-C")
    # In place of this process, so that whoever stops it stops the executor.
    command = [sys.executable, "-m", "services.executor"]
    os.execve(sys.executable, command, environment_of(told, folder, os.environ))


def artifacts(
    sweep: Annotated[bool, typer.Option("--sweep", help="Remove them.")] = False,
) -> None:
    """List what hosts have published and nothing will ever ask for, with its size in bytes."""
    from shared.artifacts.artifacts import Artifacts
    from shared.errors import Rejected
    from shared.settings import ArtifactSettings
    from trex.orphans import orphans

    settings = ArtifactSettings()
    if settings.url is None:
        raise Rejected(
            "wanted to look into the artifact store, found no TREX_ARTIFACTS_URL; set it, and "
            "AWS_* if need be, as for the services"
        )
    store = Artifacts(settings)
    with open_client() as client:
        for job in client.jobs():
            # First what there is: what is published later is none of it.
            sizes = store.stored(job.job_id)
            for name in orphans(sizes, client.ledger(job.job_id) if sizes else ()):
                typer.echo(f"{sizes[name]}\t{name}")
                if sweep:
                    store.discard(name)


def environment_of(told: "Joining", folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an executor: this host's, and over it what it was told."""
    kept = {name: value for name, value in own.items() if not name.startswith(OWN)}
    return {**kept, **told.environment, "TREX_ARTIFACTS_FOLDER": str(folder.resolve())}


def _refuse_without_libraries() -> None:
    from importlib.util import find_spec

    from shared.errors import Rejected

    lacking = [name for name in ("celery", "fsspec", "torch", "trl") if find_spec(name) is None]
    if lacking:
        raise Rejected(
            f"wanted what an executor needs, found no {', '.join(lacking)} here; "
            "pip install 'open-trex[executor]'"
        )

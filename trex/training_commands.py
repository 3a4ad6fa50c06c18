"""`trex run`, `trex export` and `trex demo`: jobs and recipes carried out, here or elsewhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import Rejected
from trex.commands import say
from trex.connected import fail_with, open_console, read_client_settings

EXAMPLE_PROMPT = "3. März 2021"
"""What the demo's new model is asked."""

Mode = Annotated[
    str | None,
    typer.Option(
        help="In place of the job's search.mode: posterior, rank_puct, uct, greedy, sequential, "
        "random."
    ),
]
Depth = Annotated[
    str | None,
    typer.Option("--fidelity", help="In place of the job's search.fidelity: off, steps, data."),
]


class Tool(StrEnum):
    """Another tool that can train a recipe."""

    TRL = "trl"
    AXOLOTL = "axolotl"
    LLAMA_FACTORY = "llama-factory"


def run(
    job_file: Annotated[
        Path, typer.Argument(help="A job file, as `trex init` writes it, or a recipe.")
    ],
    mode: Mode = None,
    fidelity: Depth = None,
    keep_up: Annotated[bool, typer.Option("--keep-up", help="Stay up afterwards.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a recipe's checkpoint; recipes alone take it.")
    ] = None,
) -> None:
    """Carry out a job, with a system of its own when none is up, or a single recipe."""
    from trex.recipefile import holds_recipe

    if holds_recipe(job_file):
        _run_recipe(job_file, out, searching=bool(mode or fidelity or keep_up))
        return
    if out is not None:
        raise Rejected(f"{job_file}: wanted a recipe beside --out, found a job; leave --out away")
    _run(job_file, mode, fidelity, keep_up=keep_up, prompt=None)


def export(
    recipe: Annotated[str, typer.Argument(help="A checkpoint that a report names, or a recipe.")],
    to: Annotated[Tool, typer.Option(help="Who is to train it.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
) -> None:
    """Write what another tool needs to train a recipe without open-trex."""
    from trex.elsewhere import hand_over
    from trex.recipefile import read_published_recipe

    status = hand_over(read_published_recipe(recipe), to, out, read_client_settings().home / "data")
    if status == 0:
        typer.echo(str(out))
    raise typer.Exit(status)


def demo(mode: Mode = None, fidelity: Depth = None) -> None:
    """Teach a tiny model to read dates, on this machine, from nothing."""
    from trex.demo import prepare

    job_file = prepare(read_client_settings().home, say=say)
    _run(job_file, mode, fidelity, keep_up=False, prompt=EXAMPLE_PROMPT)


def _run_recipe(path: Path, out: Path | None, *, searching: bool) -> None:
    import time

    from trex.elsewhere import train, trained_words
    from trex.recipefile import read_recipe

    if searching:
        raise Rejected(
            f"{path}: wanted a job beside --mode, --fidelity or --keep-up, found a recipe; leave "
            "them away"
        )
    if out is None:
        raise Rejected(f"{path}: wanted --out with a recipe, found none; name a folder to make")
    recipe = read_recipe(path)
    began = time.monotonic()
    trained = train(recipe, out, read_client_settings().home / "data", open_console(stderr=True))
    for line in trained_words(trained, time.monotonic() - began):
        say(line)
    typer.echo(trained.checkpoint)


def _run(
    job_file: Path, mode: str | None, fidelity: str | None, *, keep_up: bool, prompt: str | None
) -> None:
    from shared.contracts.mapping import fields_of
    from trex.jobfile import read_job
    from trex.sealing import files_to_score_on, with_sealed_rows
    from trex.sharing_rows import with_shared_rows
    from trex.system import system_for_a_job
    from trex.view import report_summary
    from trex.watching import watch as watch_job

    spec = read_job(job_file, search={"mode": mode, "fidelity": fidelity}, say=say)
    hidden = files_to_score_on(spec)
    with system_for_a_job(
        read_client_settings(), say=say, keep_up=keep_up, hidden=hidden
    ) as system:
        spec = with_shared_rows(spec, system.client, read_client_settings(), say)
        job_id = system.client.submit(with_sealed_rows(spec, read_client_settings())).job_id
        say(f"{job_id} is submitted")
        try:
            watch_job(system.client, job_id, open_console(stderr=True), check=system.check)
        except KeyboardInterrupt:
            say(f"{job_id} is not cancelled: it goes on when a system is up; see `trex watch`")
            raise
        found = system.client.report(job_id)
        typer.echo(found.markdown)
        asked = prompt or fields_of(spec.data.mapping).get("prompt", "your prompt")
        for line in report_summary(found, prompt=asked):
            say(line)
    fail_with(found.job)

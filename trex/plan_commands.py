"""`trex plan` and `trex approve`: a job that leaves things open, and what is proposed for it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trex.commands import say
from trex.connected import fail_with, open_client, open_console, read_client_settings

if TYPE_CHECKING:
    from shared.contracts.views import PlanView
    from trex.client import TrexClient


def plan(
    draft: Annotated[
        Path, typer.Argument(help="A job file without metric, base model or rows to score on.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Approve without being asked.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the whole job; beside the draft by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing job file.")] = False,
) -> None:
    """Have what a job leaves open proposed, and begin with it once you approve."""
    from trex.approval import refuse_present
    from trex.draftfile import read_draft
    from trex.plan_page import plan_page
    from trex.watching import wait_for_plan

    out = out or draft.with_name(f"{draft.stem}-job.yaml")
    refuse_present(out, force=force)
    asked = read_draft(draft, say=say)
    with open_client() as client:
        job_id = client.draft(asked).job_id
        later = f"trex approve {job_id} --out {out}"
        try:
            view = wait_for_plan(client, job_id, say)
        except KeyboardInterrupt:
            say(f"{job_id} is not cancelled: once it is planned, see it with `{later}`")
            raise
        open_console(stderr=True).print(plan_page(view))
        fail_with(view.job)
        if view.plan is not None and (yes or _agrees()):
            _approve(client, view, {}, out)
        elif view.plan is not None:
            say(f"nothing has begun; approve it with `{later}`, or `trex cancel {job_id}`")
    typer.echo(job_id)


def approve(
    job: Annotated[str, typer.Argument(help="Id of a job whose plan is ready.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="In place of a choice, such as metric=rouge1 or dev=0.2."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Begin without being asked.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the whole job; JOB.yaml by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing job file.")] = False,
) -> None:
    """Show a job's plan, and begin with it as proposed, or with other choices, once you agree."""
    from shared.contracts.base import JobId
    from trex.approval import changes_of, refuse_present
    from trex.plan_page import plan_page

    changes = changes_of(settings or ())
    out = out or Path(f"{job}.yaml")
    refuse_present(out, force=force)
    with open_client() as client:
        view = client.plan(JobId(job))
        open_console(stderr=True).print(plan_page(view))
        if view.job.state == "waiting" and not (yes or _agrees()):
            say("nothing has begun; with --yes it begins without asking")
            raise typer.Exit
        _approve(client, view, changes, out)
    typer.echo(job)


def _agrees() -> bool:
    return sys.stdin.isatty() and typer.confirm("approve?", err=True)


def _approve(client: "TrexClient", view: "PlanView", changes: dict[str, str], out: Path) -> None:
    from trex.approval import complete
    from trex.sealing import with_sealed_rows

    spec = complete(view, changes, out, say)
    job_id = client.approve(view.job.job_id, with_sealed_rows(spec, read_client_settings())).job_id
    say(f"{job_id} has begun; the whole job is in {out}; watch it with: trex watch {job_id}")

"""The `trex` command: a thin layer over the client and the local launcher.

Data goes to stdout, words to stderr. Libraries are imported by the command that needs them, so
that `trex --help` answers at once.
"""

import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import Rejected
from trex.commands import Commands, say
from trex.connected import fail_with
from trex.connected import job_or_newest as _job_id
from trex.connected import open_client as _client
from trex.connected import open_console as _console
from trex.connected import read_client_settings as _settings
from trex.hosts import artifacts, join
from trex.lesson_commands import lessons
from trex.plan_commands import approve, plan
from trex.training_commands import Depth, Mode, demo, export, run


class Scored(StrEnum):
    """Rows to score on."""

    DEV = "dev"
    CONFIRM = "confirm"
    TEST = "test"


app = typer.Typer(
    name="trex",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fine-tune language models by a tree search over real experiments.",
)
app.add_typer(lessons, name="lessons")
app.command()(plan)
app.command()(approve)
app.command()(run)
app.command()(export)
app.command()(demo)
app.command()(join)
app.command()(artifacts)

JobArgument = Annotated[str | None, typer.Argument(help="A job's id; the newest by default.")]
JobFile = Annotated[Path, typer.Argument(help="A job file, as `trex init` writes it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]


def main() -> None:
    """Run the command named on the command line. SIGTERM stops it as cleanly as Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(version("open-trex"))
        except PackageNotFoundError:
            typer.echo("unknown: run from a source folder")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None: ...


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Of the API; a free one by default.")] = None,
    redis_port: Annotated[int | None, typer.Option(help="Of the server.")] = None,
    executors: Annotated[int, typer.Option(min=1, help="Experiments trained at once.")] = 1,
) -> None:
    """Run a whole system on this machine until Ctrl-C."""
    from trex.local import running

    home = _settings().home
    with running(home, port=port, redis_port=redis_port, executors=executors, say=say) as system:
        say(f"up at {system.address.url}; stop it with Ctrl-C")
        system.wait()


@app.command()
def init(
    data: Annotated[Path, typer.Argument(help="Rows to learn from: JSON Lines, Parquet, CSV, ...")],
    dev: Annotated[Path | None, typer.Option(help="Rows to score on while searching.")] = None,
    test: Annotated[Path | None, typer.Option(help="Rows opened once, at the end.")] = None,
    base_model: Annotated[str | None, typer.Option(help="A folder or a hub id.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Template such as '{question}'.")] = None,
    completion: Annotated[str | None, typer.Option(help="Template such as '{answer}'.")] = None,
    out: Annotated[Path, typer.Option(help="Where to write the job file.")] = Path("job.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing job file.")] = False,
) -> None:
    """Look at a data file and write a job file for it, to edit and to run."""
    from trex.job_draft import BASE_MODEL, draft_job
    from trex.view import sample_table

    draft = draft_job(
        data,
        out,
        dev=dev,
        test=test,
        base_model=base_model or BASE_MODEL,
        prompt=prompt,
        completion=completion,
        force=force,
    )
    _console(stderr=True).print(sample_table(draft.sight.first))
    if draft.split is not None:
        rows = ", ".join(f"{count} {split}" for split, count in draft.split.rows.items())
        say(f"rows: {rows}, in {draft.split.files['train'].parent}")
    say(f"metric: {draft.sight.metric}; goal, budget and the rest are yours to edit in {out}")
    say(f"next: trex run {out}")
    typer.echo(str(out))


@app.command()
def submit(
    job_file: JobFile, mode: Mode = None, fidelity: Depth = None, as_json: Json = False
) -> None:
    """Hand a job to the running system and print its id."""
    from trex.jobfile import read_job
    from trex.sealing import with_sealed_rows
    from trex.sharing_rows import with_shared_rows

    spec = read_job(job_file, search={"mode": mode, "fidelity": fidelity}, say=say)
    with _client() as client:
        spec = with_shared_rows(spec, client, _settings(), say)
        job = client.submit(with_sealed_rows(spec, _settings()))
    typer.echo(job.model_dump_json() if as_json else job.job_id)
    say(f"watch it with: trex watch {job.job_id}")


@app.command()
def jobs(as_json: Json = False) -> None:
    """List the jobs, the newest last."""
    with _client() as client:
        found = client.jobs()
    if as_json:
        typer.echo(f"[{','.join(job.model_dump_json() for job in found)}]")
        return
    if not found:
        say("no job yet; submit one with `trex submit job.yaml`")
        return
    from trex.view import job_table

    _console().print(job_table(found))


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Print it once.")] = False,
    as_json: Json = False,
) -> None:
    """Show workers, queues and jobs as they are now, until q; once when stdout is no terminal."""
    from trex.top import follow, look, show

    console = _console()
    with _client() as client:
        if as_json:
            typer.echo(look(client).model_dump_json())
        elif once or not console.is_terminal:
            show(look(client), console)
        else:
            follow(client, console)


@app.command()
def watch(job: JobArgument = None) -> None:
    """Show a job's tree until it ends; a line an event when stdout is no terminal."""
    from trex.watching import watch as watch_job

    with _client() as client:
        ended = watch_job(client, _job_id(client, job), _console())
    fail_with(ended)


@app.command()
def tree(job: JobArgument = None, as_json: Json = False) -> None:
    """Show a job with all its experiments."""
    with _client() as client:
        view = client.tree(_job_id(client, job))
    if as_json:
        typer.echo(view.model_dump_json())
        return
    from trex.view import job_tree

    _console().print(job_tree(view))


@app.command()
def show(
    experiment: Annotated[int, typer.Argument(help="Its number in the tree; 0 is the base model.")],
    job: JobArgument = None,
    as_json: Json = False,
) -> None:
    """Show an experiment and what is wrong with its answers."""
    with _client() as client:
        view = client.experiment(_job_id(client, job), experiment)
    if as_json:
        typer.echo(view.model_dump_json())
        return
    from trex.experiment_page import experiment_page

    _console().print(experiment_page(view))


@app.command()
def calls(
    experiment: Annotated[
        int, typer.Argument(help="Its number in the tree; 0 has the plan and the brief.")
    ],
    job: JobArgument = None,
    full: Annotated[bool, typer.Option("--full", help="Cut and leave out nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a language model was asked about an experiment, and what it said."""
    from trex.call_page import call_pages

    with _client() as client:
        found = client.calls(_job_id(client, job), experiment)
    if as_json:
        typer.echo(f"[{','.join(call.model_dump_json() for call in found)}]")
    elif not found:
        say(f"no language model was asked about #{experiment}")
    for page in [] if as_json else call_pages(found, full=full):
        _console().print(page)


@app.command()
def brief(job: JobArgument = None, as_json: Json = False) -> None:
    """Print what was learnt about a job before its first experiment, as markdown."""
    with _client() as client:
        found = client.brief(_job_id(client, job))
    typer.echo(found.model_dump_json() if as_json else found.document or found.summary)


@app.command()
def report(job: JobArgument = None, as_json: Json = False) -> None:
    """Print what a job hands back, as markdown; while it runs, the best so far."""
    with _client() as client:
        found = client.report(_job_id(client, job))
    typer.echo(found.model_dump_json() if as_json else found.markdown)


@app.command()
def seal(
    file: Annotated[Path, typer.Argument(help="Rows to score on, or a pattern of files in ''.")],
    split: Annotated[
        Scored | None, typer.Option(help="What they may be scored as; by default any.")
    ] = None,
) -> None:
    """Copy rows into the evaluator's vault and print the name that a job gives them."""
    from shared.vault import seal as put
    from trex.sealing import vault_of

    vault = vault_of(_settings().home)
    name = put(file, vault, None if split is None else split.value)
    say(f"sealed in {vault}; name it in a job's data, and take {file} away from where it lies")
    typer.echo(name)


@app.command()
def verify(
    job: JobArgument = None,
    key: Annotated[
        str | None, typer.Option(help="Public key of the evaluator; that of the vault by default.")
    ] = None,
) -> None:
    """Check that no score of a job was changed, moved or taken out since it was measured."""
    from trex.sealing import known_key, known_scores
    from trex.verify import verify as look

    settings = _settings()
    with _client() as client:
        job_id = _job_id(client, job)
        sealed = known_scores(settings, job_id)  # before the ledger, which may grow meanwhile
        found = look(client.ledger(job_id), key or known_key(settings), sealed)
    for fault in found.faults:
        typer.echo(fault)
    if found.faults:
        raise typer.Exit(1)
    typer.echo(found.sentence)


@app.command()
def cancel(job: JobArgument = None) -> None:
    """Stop a job; the best so far is handed back."""
    with _client() as client:
        found = client.cancel(_job_id(client, job))
    say(f"{found.job_id} is {found.state}: {found.sentence}")


@app.command("export-traces")
def write_traces(
    jobs: Annotated[
        list[str] | None, typer.Argument(help="Ids of jobs; all that have ended by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="JSON Lines file to make.")] = Path("traces.jsonl"),
    preferences: Annotated[
        bool, typer.Option("--preferences", help="Pairs of ideas, the better and the worse one.")
    ] = False,
) -> None:
    """Write what a language model proposed, and what came of it, as rows to train one on."""
    from shared.contracts.mapping import fields_of
    from trex.export_traces import export_traces
    from trex.traces import IDEAS, PAIRS

    with _client() as client:
        rows, told = export_traces(client, jobs or [], out, preferring=preferences)
    kind = "pairs of ideas" if preferences else "ideas"
    say(f"{rows} {kind} of {told} {'job' if told == 1 else 'jobs'}")
    fields = fields_of(PAIRS if preferences else IDEAS)
    mapping = ", ".join(f"{name}: '{text}'" for name, text in fields.items())
    say(f"data.mapping is {{{mapping}}}; next: trex init {out}")
    typer.echo(str(out))


@app.command()
def generate(
    checkpoint: Annotated[str, typer.Argument(help="A folder that a report names.")],
    prompt: Annotated[str, typer.Argument(help="What to ask the model.")],
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Of the answer.")] = None,
) -> None:
    """Ask a checkpoint something and print its answer."""
    import subprocess

    command = [sys.executable, "-m", "services.evaluator.generate", checkpoint, prompt]
    if max_new_tokens is not None:
        command += ["--max-new-tokens", str(max_new_tokens)]
    status = subprocess.run(command, check=False).returncode
    # As shells do: a child ended by signal N counts as status 128 + N.
    raise typer.Exit(status if status >= 0 else 128 - status)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check that this machine can run a system, and say what to do where it cannot."""
    import json
    from dataclasses import asdict

    from trex.doctor import examine, has_problem

    styles = {"ok": "green", "warning": "yellow", "problem": "red"}
    findings = []
    for finding in examine(_settings()):
        findings.append(finding)
        if not as_json:
            verdict = typer.style(f"{finding.verdict:8}", fg=styles[finding.verdict])
            typer.echo(f"{verdict}{finding.what}: {finding.sentence}")
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    if has_problem(findings):
        raise typer.Exit(1)


@app.command(name="fake-llm")
def fake_llm(
    play: Annotated[str, typer.Option(help="What it does; a wrong word lists them all.")] = "valid",
    for_: Annotated[
        int | None,
        typer.Option("--for", min=1, help="Requests it does that for before it turns valid."),
    ] = None,
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 for a free one.")] = 8001,
    model: Annotated[str, typer.Option(help="What it is called.")] = "fake",
) -> None:
    """Serve a language model that does what it is told, or goes wrong in a way you choose."""
    from trex.fake_llm.plays import PLAYS, at_first
    from trex.fake_llm.researchers import competent, saboteur
    from trex.fake_llm.server import FakeLlm

    plays = {**PLAYS, "competent": competent, "saboteur": saboteur}

    if play not in plays:
        raise Rejected(f"wanted a play of {', '.join(plays)}, found {play!r}; choose one")
    chosen = plays[play] if for_ is None else at_first(for_, plays[play])
    with FakeLlm(chosen, port=port, model=model) as fake:
        say(f"OPENAI_BASE_URL={fake.url} TREX_RESEARCHER_MODEL={model}; stop it with Ctrl-C")
        fake.over.wait()

"""The `ftbench` command: ten tasks, their data, their metrics.

Data goes to stdout or to the file that is named, words to stderr. Libraries are imported by the
command that needs them, so that `ftbench --help` answers at once.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftbench.exporting import RowType
from ftbench.scoring import Scope
from ftbench.search import Contestant
from ftbench.task import Split
from trex.commands import Commands, say

if TYPE_CHECKING:
    from ftbench.checkpoint import CheckpointModel
    from ftbench.endpoint import EndpointModel
    from ftbench.sources import Files
    from ftbench.task import Loaded, Task

app = typer.Typer(
    name="ftbench",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ten tasks that measure how well language models were fine-tuned.",
)

TaskName = Annotated[str, typer.Argument(help="A task; `ftbench list` names them.")]
TaskOption = Annotated[str, typer.Option("--task", help="A task; `ftbench list` names them.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="FTBENCH_DATA",
        help="Folder with the published files, a folder a task; what is not there is fetched.",
    ),
]
Fixture = Annotated[
    bool, typer.Option("--fixture", help="Use a few made-up records instead of the real ones.")
]
ScopeOption = Annotated[
    Scope, typer.Option("--split", help="published is all that the authors score.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]
Out = Annotated[Path | None, typer.Option(help="Where to write it; stdout by default.")]


def main() -> None:
    """Run the command named on the command line."""
    app()


@app.command("list")
def list_tasks(as_json: Json = False) -> None:
    """List the ten tasks."""
    from ftbench.listing import rows, task_table
    from ftbench.tasks import NAMES, get_task

    tasks = [get_task(name) for name in NAMES]
    if as_json:
        typer.echo(json.dumps(rows(tasks), ensure_ascii=False))
        return
    from rich.console import Console

    Console(highlight=False).print(task_table(tasks))


@app.command()
def show(task: TaskName, data_dir: DataDir = None, fixture: Fixture = False) -> None:
    """Say all about a task: source, licence, splits, metric, baselines, and a made-up example."""
    from ftbench.listing import page
    from ftbench.tasks import get_task
    from shared.errors import Rejected, Unavailable

    wanted = get_task(task)
    example = wanted.load(_files(wanted, None, fixture=True)).items
    items = None
    try:
        items = _load(wanted, data_dir, fixture=fixture).items
    except (Rejected, Unavailable) as error:  # the page is worth reading without the data too
        say(f"ftbench: {error}")
    typer.echo(page(wanted, items, example))


@app.command()
def export(
    task: TaskName,
    split: Annotated[Split, typer.Option(help="Only train may leave.")] = Split.TRAIN,
    kind: Annotated[RowType, typer.Option("--type", help="TRL type.")] = RowType.MESSAGES,
    out: Out = None,
    data_dir: DataDir = None,
    fixture: Fixture = False,
) -> None:
    """Write the rows of a task that may be trained on, as JSONL."""
    from ftbench.exporting import refuse_sealed, training_rows, write_rows
    from ftbench.tasks import get_task

    wanted = get_task(task)
    refuse_sealed(wanted, split)  # before anything is fetched
    rows = training_rows(wanted, _load(wanted, data_dir, fixture=fixture).items, kind)
    if out is None:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
    else:
        write_rows(rows, out)
        say(f"{len(rows)} rows of {task} written to {out}")


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="JSONL with id and prediction.")],
    task: TaskOption,
    split: ScopeOption = Scope.PUBLISHED,
    strict: Annotated[
        bool, typer.Option("--strict", help="Copy the faults of the published scorer too.")
    ] = False,
    missing_as_wrong: Annotated[
        bool, typer.Option("--missing-as-wrong", help="Count missing answers as wrong.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="What answered, for the report.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result here, for `report`.")] = None,
    by_item: Annotated[
        Path | None, typer.Option("--items", help="Write what each item earned, as JSONL.")
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
    fixture: Fixture = False,
) -> None:
    """Score predictions and print every metric with its standard error."""
    from ftbench.exporting import write_rows
    from ftbench.listing import result_lines
    from ftbench.predictions import read_predictions
    from ftbench.results import write_result
    from ftbench.scoring import in_scope
    from ftbench.scoring import score as score_predictions
    from ftbench.tasks import get_task

    wanted = get_task(task)
    loaded = _load(wanted, data_dir, fixture=fixture)
    items = loaded.items
    said = read_predictions(
        predictions, wanted, items, in_scope(items, split), missing_as_wrong=missing_as_wrong
    )
    made_up = ("the records are made up",) if fixture else ()
    said = replace(said, notes=(*made_up, *loaded.notes, *said.notes))
    with _progress(f"scoring {task}", len(said.items)) as on_progress:
        result, judged = score_predictions(
            wanted,
            items,
            said,
            scope=split,
            strict=strict,
            model=model,
            on_progress=on_progress,
        )
    if out is not None:
        write_result(result, out)
    if by_item is not None:
        write_rows(
            [
                {"id": item.id, "value": one.value, "parsed": one.parsed}
                for item, one in zip(said.items, judged, strict=True)
            ],
            by_item,
        )
    if as_json:
        typer.echo(result.model_dump_json())
    else:
        typer.echo("\n".join(result_lines(result, wanted)))


@app.command()
def run(
    task: TaskOption,
    endpoint: Annotated[
        str | None, typer.Option(help="Of a server that speaks OpenAI's chat completions.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="What the server calls the model.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder of an adapter or a whole model, instead.")
    ] = None,
    split: ScopeOption = Scope.PUBLISHED,
    out: Annotated[Path | None, typer.Option(help="Predictions; TASK-SPLIT.jsonl.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions asked at a time.")] = 16,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Of an answer.")] = None,
    request: Annotated[
        str | None, typer.Option(help="Further fields of each request, a JSON object.")
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="Of the server.")] = None,
    data_dir: DataDir = None,
    fixture: Fixture = False,
) -> None:
    """Have a model answer a task; calling it again goes on where it was stopped."""
    from ftbench.running import run_task
    from ftbench.scoring import in_scope
    from ftbench.tasks import get_task

    wanted = get_task(task)
    answering = _model(endpoint, model, checkpoint, key, concurrency, request)
    items = in_scope(_load(wanted, data_dir, fixture=fixture).items, split)
    out = out or Path(f"{task}-{split}.jsonl")
    with _progress(f"answering {task}", len(items)) as on_progress:
        end = run_task(
            wanted,
            items,
            out=out,
            model=answering,
            scope=split,
            max_new_tokens=max_new_tokens,
            on_progress=lambda done, _: on_progress(done),
            say=say,
        )
    say(f"{end.answered} of {len(items)} items answered, {end.cut} of them cut; see {out}")
    for id, why in end.failed.items():
        say(f"{id} {why}")
    if end.failed:
        say(f"{len(end.failed)} items have no answer; the same command asks them again")
        raise typer.Exit(1)
    say(f"score them with: ftbench score {out} --task {task} --split {split}")


@app.command()
def report(
    results: Annotated[list[Path], typer.Argument(help="Files that `score --out` wrote.")],
    base: Annotated[list[Path] | None, typer.Option(help="Of the untuned model.")] = None,
    reference: Annotated[list[Path] | None, typer.Option(help="What G_T is against.")] = None,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Print a table over results, in Markdown or JSON."""
    from ftbench.report import as_markdown, table
    from ftbench.results import read_result
    from ftbench.tasks import get_task

    read = [read_result(path) for path in results]
    lines = table(
        read,
        {result.task: get_task(result.task) for result in read},
        base=[read_result(path) for path in base or ()],
        reference=[read_result(path) for path in reference or ()],
    )
    text = (
        f"[{','.join(line.model_dump_json() for line in lines)}]\n"
        if as_json
        else as_markdown(lines)
    )
    _write(text, out)


@app.command()
def fingerprint(
    task: TaskName, out: Out = None, data_dir: DataDir = None, fixture: Fixture = False
) -> None:
    """Write hashes of all that is sealed, to find copies of it in training data."""
    from ftbench.fingerprint import fingerprint as fingerprint_of
    from ftbench.tasks import get_task

    wanted = get_task(task)
    found = fingerprint_of(task, _load(wanted, data_dir, fixture=fixture).items)
    _write(found.model_dump_json() + "\n", out)
    say(
        f"{len(found.ngrams)} runs of {found.ngram} tokens and {len(found.texts)} short texts of "
        f"{found.items} sealed items"
    )


@app.command()
def search(
    task: TaskOption,
    base_model: Annotated[str, typer.Option(help="A folder or a hub id.")],
    system: Annotated[Contestant, typer.Option(help="Who searches.")] = Contestant.TREX,
    experiments: Annotated[int, typer.Option(min=1, help="Budget: how many may be trained.")] = 20,
    gpu_seconds: Annotated[float | None, typer.Option(help="Budget: training seconds.")] = None,
    run_seconds: Annotated[float, typer.Option(help="Limit of one training run.")] = 3600.0,
    max_length: Annotated[int, typer.Option(help="Tokens of prompt and answer.")] = 2048,
    train: Annotated[
        Path | None, typer.Option(help="JSONL with prompt and completion to train on instead.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the proposals.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where training rows go.")] = Path(),
    out: Annotated[Path | None, typer.Option(help="Write the curve here, as JSON.")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Let a search spend a budget on a task, and keep the curve of what it reached."""
    import os

    from rich.console import Console

    from ftbench.search import curve_lines, curve_of, job_for
    from ftbench.tasks import get_task
    from shared.contracts.job import Budget, Limits
    from shared.settings import ClientSettings, read_settings
    from trex.base_model import resolve_base_model
    from trex.job_data import check_data
    from trex.system import system_for_a_job
    from trex.watching import watch

    read_settings(os.environ)
    wanted = get_task(task)
    spec = job_for(
        wanted,
        _load(wanted, data_dir, fixture=False).items,
        folder,
        base_model=resolve_base_model(base_model, Path.cwd()),
        budget=Budget(experiments=experiments, gpu_seconds=gpu_seconds),
        system=system,
        seed=seed,
        limits=Limits(run_s=run_seconds, max_length=max_length),
        train=train,
    )
    check_data(spec.data, spec.metric)  # before a system is started for it
    if data_dir is not None:  # a system started here takes it over
        os.environ["FTBENCH_DATA"] = str(data_dir.resolve())
    with system_for_a_job(ClientSettings(), say=say, keep_up=False) as up:
        job_id = up.client.submit(spec).job_id
        watch(up.client, job_id, Console(stderr=True, highlight=False), check=up.check)
        curve = curve_of(up.client, wanted, job_id, system)
    if out is not None:
        out.write_text(curve.model_dump_json(indent=2) + "\n", encoding="utf-8")
    typer.echo(curve.model_dump_json() if as_json else "\n".join(curve_lines(curve)))


def _files(task: "Task", data_dir: Path | None, *, fixture: bool) -> "Files":
    from ftbench.sources import Files, files_of
    from ftbench.tasks import fixture_of

    if fixture:
        return Files(task.name, task.source, fixture_of(task.name))
    return files_of(task.name, task.source, data_dir)


def _load(task: "Task", data_dir: Path | None, *, fixture: bool) -> "Loaded":
    loaded = task.load(_files(task, data_dir, fixture=fixture))
    for note in loaded.notes:
        say(f"{task.name}: {note}")
    return loaded


def _model(
    endpoint: str | None,
    model: str | None,
    checkpoint: Path | None,
    key: str | None,
    concurrency: int,
    request: str | None,
) -> "EndpointModel | CheckpointModel":
    from ftbench.checkpoint import CheckpointModel
    from ftbench.endpoint import EndpointModel
    from shared.errors import Rejected

    if checkpoint is not None and endpoint is None and model is None:
        return CheckpointModel(checkpoint)
    if checkpoint is not None or endpoint is None or model is None:
        raise Rejected(
            "wanted either --endpoint with --model, or --checkpoint; give one of the two"
        )
    try:
        extra = json.loads(request or "{}")
    except ValueError as error:
        raise Rejected(f"--request: wanted a JSON object, found {error}; correct it") from None
    if not isinstance(extra, dict):
        raise Rejected(f"--request: wanted a JSON object, found {request}; correct it")
    return EndpointModel(endpoint, model, key, concurrency, extra)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Draw a bar on stderr while the block runs, when somebody is there to see it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)

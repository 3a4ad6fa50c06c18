"""`trex lessons`: what jobs have taught, and what a person has to say about it."""

import shlex
from typing import Annotated

import typer

from trex.commands import say
from trex.connected import open_client, open_console

lessons = typer.Typer(help="List what jobs have taught, and edit it.")

Lesson = Annotated[str, typer.Argument(help="Its id, JOB/EXPERIMENT/FACTOR.")]


@lessons.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    task_type: Annotated[str | None, typer.Option(help="Such as classification.")] = None,
    base_family: Annotated[str | None, typer.Option(help="Such as qwen3.")] = None,
    factor: Annotated[str | None, typer.Option(help="Such as learning_rate.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """List what jobs have taught, the newest last, and edit it."""
    if context.invoked_subcommand is not None:
        return
    with open_client() as client:
        found = client.lessons(task_type=task_type, base_family=base_family, factor=factor)
    if as_json:
        typer.echo(f"[{','.join(lesson.model_dump_json() for lesson in found)}]")
        return
    if not found:
        say("no lesson; a job banks one when an experiment below another one has been measured")
        return
    from trex.lesson_view import lesson_table

    open_console().print(lesson_table(found))


@lessons.command()
def note(
    lesson: Lesson,
    text: Annotated[str, typer.Argument(help="What to know beside it; '' takes it away.")],
) -> None:
    """Write something beside a lesson; whoever proposes reads it."""
    from shared.contracts.base import read_as
    from shared.contracts.lesson import Remark

    remark = read_as(Remark, {"note": text or None}, what="note")
    with open_client() as client:
        client.edit_lesson(lesson, remark)
    say(f"{lesson}: {'noted' if text else 'has no note now'}")


@lessons.command()
def ignore(lesson: Lesson) -> None:
    """Have a lesson passed over by jobs to come."""
    _pass_over(lesson, ignored=True)
    say(f"{lesson} is ignored; take that back with: trex lessons use {shlex.quote(lesson)}")


@lessons.command()
def use(lesson: Lesson) -> None:
    """Have jobs to come look at a lesson again."""
    _pass_over(lesson, ignored=False)
    say(f"{lesson} is used")


@lessons.command()
def forget(lesson: Lesson) -> None:
    """Remove a lesson for good."""
    with open_client() as client:
        client.forget_lesson(lesson)
    say(f"{lesson} is forgotten")


def _pass_over(lesson: str, *, ignored: bool) -> None:
    from shared.contracts.lesson import Remark

    with open_client() as client:
        client.edit_lesson(lesson, Remark(ignored=ignored))

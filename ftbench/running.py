"""Has a model answer a task, into a file that survives being stopped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.checkpoint import CheckpointModel, answer_by_checkpoint
from ftbench.endpoint import EndpointModel, answer_by_endpoint
from ftbench.journal import Journal, Run, open_journal
from ftbench.outcome import Prediction, Refusal
from ftbench.scoring import digest_of
from ftbench.task import Item, Task


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended."""

    asked: int
    """Items this time; the others had answers."""

    answered: int
    """Items with an answer, those of earlier times included."""

    cut: int
    """Of these, how many were still talking when their tokens were used up."""

    failed: Mapping[str, str]
    """Items without an answer, with the reason, which reads on after the id. Calling again asks
    them again."""


def run_task(
    task: Task,
    items: Sequence[Item],
    *,
    out: Path,
    model: EndpointModel | CheckpointModel,
    scope: str,
    max_new_tokens: int | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    say: Callable[[str], None] = lambda _: None,
) -> RunEnd:
    """Write a model's answer to every item that has none in the file yet.

    Whatever ends it, a kill included, calling it again goes on where it was.

    Args:
        task: whose items they are.
        items: what to ask.
        out: the file of predictions; see `ftbench.journal`.
        model: whom to ask.
        scope: which of the task's items they are, in a word.
        max_new_tokens: longest answer, in tokens; what the task allows by default.
        on_progress: told how many items are done, answered or failed, and how many there are.
        say: told what a person should know.

    Raises:
        Rejected: the file belongs to another run or process, or the request cannot work.
        ScoringFailed: the checkpoint cannot be loaded, or answering with it ended early.
        Unavailable: the endpoint is away; the same call may work later.
    """
    limit = task.max_new_tokens if max_new_tokens is None else max_new_tokens
    run = Run(
        task=task.name,
        scope=scope,
        model=model.name,
        max_new_tokens=limit,
        sampling=model.sampling,
        items=len(items),
        items_sha256=digest_of(items),
    )
    with open_journal(out, run, say=say) as journal:
        left = [item for item in items if item.id not in journal.cut]
        failed: dict[str, str] = {}

        def take(outcome: Prediction | Refusal) -> None:
            match outcome:
                case Prediction():
                    journal.write(outcome)
                case Refusal(id=id, why=why):
                    failed[id] = why
            on_progress(len(journal.cut) + len(failed), len(items))

        on_progress(len(journal.cut), len(items))
        if left:
            _answer(left, model, limit, journal, out.with_name(out.name + ".log"), take)
        return RunEnd(len(left), len(journal.cut), sum(journal.cut.values()), failed)


def _answer(
    items: Sequence[Item],
    model: EndpointModel | CheckpointModel,
    max_new_tokens: int,
    journal: Journal,
    log: Path,
    take: Callable[[Prediction | Refusal], None],
) -> None:
    match model:
        case EndpointModel():
            journal.answered_by(model.address)
            answer_by_endpoint(
                items,
                model,
                max_new_tokens=max_new_tokens,
                known_to_work=bool(journal.cut),
                take=take,
            )
        case CheckpointModel():
            answer_by_checkpoint(
                items,
                model,
                max_new_tokens=max_new_tokens,
                log=log,
                engine=journal.answered_by,
                take=take,
            )

"""What the planner measures of queues, workers, runs and jobs.

Nothing but runs is looked at before somebody asks.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from services.planner.drafted import DraftState, Standing
from services.planner.reader import Reader
from services.planner.state import JobState
from shared.contracts.events import WorkEnded
from shared.contracts.run import Failed, RunRequest
from shared.errors import StoreUnavailable
from shared.store import Entry, JobStore
from shared.telemetry.measures import RUNS

Look = Callable[[], Iterable[Observation]]


def watch(store: JobStore, reader: Reader) -> None:
    """Have queues, workers and jobs looked at whenever somebody asks."""
    _watch_queues(store)
    _watch_jobs(store, reader)


def count_runs(state: Standing, entries: Sequence[Entry]) -> None:
    """Count the runs that ended in entries that a state has just taken in."""
    for entry in entries:
        event = entry.event
        if not isinstance(event, WorkEnded) or isinstance(state, DraftState):
            continue
        if isinstance(state.ordered.get(event.work_id), RunRequest):
            result = event.result
            error = result.error if isinstance(result, Failed) else ""
            RUNS.add(1, {"outcome": result.kind, "error": error})


def budget_used(state: JobState, *, now: float) -> float:
    """Return the share of a job's budget that is used: of its limits the one nearest to its end."""
    budget = state.spec.budget
    used: list[tuple[float, float | None]] = [
        (state.asked, budget.experiments),
        (state.gpu_seconds, budget.gpu_seconds),
        (max(0.0, now - state.submitted_at), budget.wall_clock_s),
        (state.advice.tokens, budget.llm_tokens),
        (state.advice.money, budget.money),
    ]
    return max(spent / limit for spent, limit in used if limit is not None)


def _watch_queues(store: JobStore) -> None:
    def backlog(field: str) -> Look:
        return lambda: [
            Observation(getattr(one, field), {"service": service})
            for service, one in store.backlog().items()
        ]

    def workers() -> Iterator[Observation]:
        for service in ("researcher", "executor", "evaluator"):
            yield Observation(store.workers(service), {"service": service})

    _gauge("trex.work.queued", backlog("queued"), "Work that waits for a worker.")
    _gauge("trex.work.leased", backlog("leased"), "Work that a worker holds.")
    _gauge("trex.work.oldest", backlog("oldest_s"), "What waits longest has waited so long.", "s")
    _gauge("trex.workers", workers, "Workers that said they are alive.")


def _watch_jobs(store: JobStore, reader: Reader) -> None:
    def each(look: Callable[[JobState], Iterable[Observation]]) -> Look:
        def looks() -> Iterator[Observation]:
            for job_id in store.active():
                with reader.standing(job_id) as state:
                    if isinstance(state, JobState):
                        yield from look(state)

        return looks

    def best(state: JobState) -> Iterator[Observation]:
        found = state.best()
        score = state.base_score if found is None else found.score
        if score is not None:
            yield Observation(score.value, {"job_id": state.job_id})

    def used(state: JobState) -> Iterator[Observation]:
        yield Observation(budget_used(state, now=store.now()), {"job_id": state.job_id})

    def cost(state: JobState) -> Iterator[Observation]:
        spent = {
            "gpu_seconds": state.gpu_seconds,
            "llm_tokens": state.advice.tokens,
            "money": state.advice.money,
        }
        for unit, amount in spent.items():
            yield Observation(amount, {"job_id": state.job_id, "unit": unit})

    def silence(state: JobState) -> Iterator[Observation]:
        silent_s = max(0.0, store.now() - state.told_at)
        yield Observation(silent_s, {"job_id": state.job_id})

    _gauge("trex.job.best_score", each(best), "Of the best so far, on dev; else of the base model.")
    _gauge("trex.job.budget.used", each(used), "Share of the limit that is nearest its end.")
    _gauge("trex.job.cost", each(cost), "What the job has cost, in each unit.")
    _gauge("trex.job.silence", each(silence), "Since anything was written into its ledger.", "s")


def _gauge(name: str, look: Look, description: str, unit: str = "") -> None:
    def observe(_: CallbackOptions) -> list[Observation]:
        try:
            return list(look())
        except StoreUnavailable:
            return []  # nobody knows; the planner's log says why

    get_meter("trex").create_observable_gauge(name, [observe], unit, description)

"""The Python client: submit a job, follow it, read its tree and its report. REST only."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from shared.contracts.base import Contract, JobId
from shared.contracts.brief import Brief
from shared.contracts.counsel import Call
from shared.contracts.events import Event
from shared.contracts.job import JobSpec, StoredRows
from shared.contracts.joining import Joining
from shared.contracts.lesson import BankedLesson, Remark
from shared.contracts.plan import JobDraft
from shared.contracts.system_views import (
    FileView,
    QueueView,
    SystemView,
    WorkersView,
)
from shared.contracts.views import (
    ExperimentView,
    JobView,
    PlanView,
    Report,
    TreeView,
)
from shared.errors import Rejected, TrexError, Unavailable
from trex.address import START, Address
from trex.sse import Message, messages

T = TypeVar("T")

__all__ = ["Address", "TrexClient"]

ANSWER = httpx.Timeout(30.0, connect=5.0)
SENDING = httpx.Timeout(600.0, connect=5.0)
STREAM = httpx.Timeout(45.0, connect=5.0)
"""A live event stream is never silent for long: it sends a comment every 15 seconds."""


class TrexClient:
    """Talks to one system. Safe to use from several threads.

    Every method raises:
        Rejected: the system refuses the request, or the token.
        Unavailable: the system does not answer; the same call may work later.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        # A proxy configured for the internet cannot reach a system on this machine.
        local = urlsplit(address.url).hostname in ("localhost", "127.0.0.1", "::1")
        headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
        self._http = httpx.Client(
            base_url=address.url, headers=headers, timeout=ANSWER, trust_env=not local
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def submit(self, spec: JobSpec, *, idempotency_key: str | None = None) -> JobView:
        """Hand over a job. The same key twice gives the same job, not a second one."""
        return self._hand_over("/v1/jobs", spec, idempotency_key)

    def draft(self, draft: JobDraft, *, idempotency_key: str | None = None) -> JobView:
        """Hand over a job that leaves something open, to be planned; the key is as of `submit`."""
        return self._hand_over("/v1/plans", draft, idempotency_key)

    def plan(self, job_id: JobId) -> PlanView:
        """Return a draft and, once it is there, its plan."""
        return self._ask(PlanView, "GET", f"/v1/plans/{job_id}")

    def approve(self, job_id: JobId, spec: JobSpec) -> JobView:
        """Begin with the job that a draft became. Approving the same again changes nothing."""
        return self._hand_over(f"/v1/plans/{job_id}/approve", spec, None)

    def jobs(self) -> list[JobView]:
        """Return every job the system knows."""
        return self._ask(list[JobView], "GET", "/v1/jobs")

    def newest(self) -> JobView:
        """Return the job that was submitted last.

        Raises:
            Rejected: also when there is no job at all.
        """
        jobs = self.jobs()
        if not jobs:
            raise Rejected("wanted a job, found none; submit one with `trex submit job.yaml`")
        return max(jobs, key=lambda job: job.submitted_at)

    def job(self, job_id: JobId) -> JobView:
        """Return where a job stands."""
        return self._ask(JobView, "GET", f"/v1/jobs/{job_id}")

    def tree(self, job_id: JobId) -> TreeView:
        """Return a job with all its experiments."""
        return self._ask(TreeView, "GET", f"/v1/jobs/{job_id}/tree")

    def experiment(self, job_id: JobId, number: int) -> ExperimentView:
        """Return everything known about one experiment."""
        return self._ask(ExperimentView, "GET", f"/v1/jobs/{job_id}/experiments/{number}")

    def calls(self, job_id: JobId, number: int) -> list[Call]:
        """Return what a language model was asked about an experiment, and what it said."""
        return self._ask(list[Call], "GET", f"/v1/jobs/{job_id}/experiments/{number}/calls")

    def brief(self, job_id: JobId) -> Brief:
        """Return what was learnt about a job before its first experiment.

        Raises:
            Rejected: also when it is not written yet.
        """
        return self._ask(Brief, "GET", f"/v1/jobs/{job_id}/brief")

    def report(self, job_id: JobId) -> Report:
        """Return what the job hands back; before its end, about the best so far."""
        return self._ask(Report, "GET", f"/v1/jobs/{job_id}/report")

    def ledger(self, job_id: JobId) -> list[Event]:
        """Return everything that has happened to a job."""
        return self._ask(list[Event], "GET", f"/v1/jobs/{job_id}/ledger")

    def cancel(self, job_id: JobId) -> JobView:
        """Ask a job to stop and hand back the best so far. Asking twice changes nothing."""
        return self._ask(JobView, "POST", f"/v1/jobs/{job_id}/cancel")

    def lessons(
        self,
        *,
        task_type: str | None = None,
        base_family: str | None = None,
        factor: str | None = None,
    ) -> list[BankedLesson]:
        """Return what jobs have taught, the oldest first: all of it, or what fits."""
        wanted = {"task_type": task_type, "base_family": base_family, "factor": factor}
        given = {name: value for name, value in wanted.items() if value is not None}
        return self._ask(list[BankedLesson], "GET", "/v1/lessons", params=given)

    def edit_lesson(self, lesson_id: str, remark: Remark) -> BankedLesson:
        """Say something about a lesson; what the remark does not give stays as it was."""
        body = remark.model_dump_json(exclude_unset=True)
        headers = {"Content-Type": "application/json"}
        path = _lesson(lesson_id)
        return self._ask(BankedLesson, "PATCH", path, content=body, headers=headers)

    def forget_lesson(self, lesson_id: str) -> None:
        """Remove a lesson for good. Removing it twice changes nothing."""
        with self._answer("DELETE", _lesson(lesson_id)):
            pass

    def file(self, rows: StoredRows) -> FileView:
        """Return whether every host of the system can read a file, or need be sent it."""
        return self._ask(FileView, "GET", _file(rows))

    def send_file(self, rows: StoredRows, path: Path) -> FileView:
        """Have a file put where every host of the system can read it."""
        with path.open("rb") as content:
            # Its size is said, so that what is cut off is not taken for the whole.
            headers = {"Content-Length": str(path.stat().st_size)}
            return self._ask(
                FileView, "PUT", _file(rows), content=content, headers=headers, timeout=SENDING
            )

    def join(self) -> Joining:
        """Return what an executor on this host needs to know; the token is that of `trex join`."""
        return self._ask(Joining, "GET", "/v1/join")

    def system(self) -> SystemView:
        """Return who is alive to carry jobs out."""
        return self._ask(SystemView, "GET", "/v1/system")

    def workers(self) -> WorkersView:
        """Return every worker that is alive, how it is and what it does."""
        return self._ask(WorkersView, "GET", "/v1/workers")

    def queues(self) -> list[QueueView]:
        """Return what each service has to do."""
        return self._ask(list[QueueView], "GET", "/v1/queues")

    def answers(self) -> bool:
        """Say whether a system is alive at the address. Never raises."""
        try:
            return self._http.get("/health/live", timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    def follow(
        self,
        job_id: JobId,
        *,
        patience_s: float = 60.0,
        say: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Message]:
        """Yield the job's events from its first to its last, then those to come, until it ended.

        A broken stream is taken up again after its last event, so none is missed or seen twice.

        Args:
            job_id: which job.
            patience_s: seconds the system may be away before `Unavailable` is raised.
            say: told, in a sentence, each time the stream breaks.
            sleep: waits between two attempts: 0.25 s, doubling up to 5 s.
            clock: seconds, by a clock that is never set back.
        """
        last_id, heard_at, pause_s = "", clock(), 0.25

        def heard(chunks: Iterable[str]) -> Iterator[str]:
            nonlocal heard_at
            for chunk in chunks:
                heard_at = clock()  # comments count: they are sent to say that all is well
                yield chunk

        while True:
            headers = {"Accept": "text/event-stream"}
            if last_id:
                headers["Last-Event-ID"] = last_id
            broken = f"the event stream of {self._address.url} ended early"
            try:
                path = f"/v1/jobs/{job_id}/events"
                with self._answer("GET", path, headers=headers, timeout=STREAM) as response:
                    for message in messages(heard(response.iter_text())):
                        last_id, pause_s = message.id or last_id, 0.25
                        yield message
                        if message.event == "job_ended":
                            return
            except Unavailable as error:
                broken = str(error)
            if clock() - heard_at > patience_s:
                raise Unavailable(broken)
            if say is not None:
                say(f"{broken}; trying again")
            sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)

    def _hand_over(self, path: str, asked: Contract, idempotency_key: str | None) -> JobView:
        headers = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._ask(JobView, "POST", path, content=asked.model_dump_json(), headers=headers)

    def _ask(self, kind: type[T], method: str, path: str, **request: Any) -> T:
        with self._answer(method, path, **request) as response:
            body = response.read()
        try:
            return TypeAdapter(kind).validate_json(body)
        except ValidationError as error:
            raise TrexError(
                f"{self._address.url}{path}: wanted an answer this version of trex knows, found "
                f"{error.error_count()} unknown or missing fields; use the same version on both "
                "sides"
            ) from None

    @contextmanager
    def _answer(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, path, **request) as response:
                if not response.is_success:
                    response.read()
                    raise _error_of(response, self._address)
                yield response
        except httpx.TimeoutException:
            raise Unavailable(f"{self._address.url} is silent for too long; try later") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"nothing answers at {self._address.url} ({error or type(error).__name__}); {START}"
            ) from None


def _file(rows: StoredRows) -> str:
    return f"/v1/files/{rows.sha256}/{quote(rows.file)}"


def _lesson(lesson_id: str) -> str:
    return f"/v1/lessons/{quote(lesson_id)}"


def _error_of(response: httpx.Response, address: Address) -> TrexError:
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = (
            f"{response.url}: wanted an answer of open-trex, found status {response.status_code} "
            "without a reason; check TREX_URL"
        )
    match response.status_code:
        case 401:
            return Rejected(
                f"{address.url} refuses the token from {address.origin}; "
                "set TREX_TOKEN to the token that system was started with"
            )
        case 502 | 503 | 504:
            return Unavailable(detail)
        case status if status >= 500:
            return TrexError(f"{address.url} failed with status {status}: {detail}")
        case _:
            return Rejected(detail)

"""A Kubernetes of one machine: the part of its API that Jobs need, each pod a real process."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

NAMESPACE = "research"


class _Pod:
    """One container, started where there is room."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        [container] = self.spec["containers"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            container["command"], env={**os.environ, "PATH": path}, start_new_session=True
        )

    @property
    def status(self) -> int | None:
        return None if self.process is None else self.process.poll()

    def delete(self, grace_s: float) -> None:
        if self.process is None or self.status is not None:
            return
        self._kill(signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._kill(signal.SIGKILL)
            self.process.wait()

    def _kill(self, how: signal.Signals) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)

    def as_json(self) -> dict[str, Any]:
        if self.process is None:
            unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            return {"status": {"phase": "Pending", "conditions": [unplaced]}}
        if self.status is None:
            return _pod_json("Running", {"running": {}})
        code = self.status if self.status >= 0 else 128 - self.status
        over = {"exitCode": code, "reason": "Error" if code else "Completed"}
        return _pod_json("Failed" if code else "Succeeded", {"terminated": over})


class Cluster:
    """Answers while the block runs; what it still runs then is killed."""

    def __init__(self) -> None:
        self.is_full = self.is_away = False
        self.jobs: dict[str, _Pod] = {}
        self.manifests: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def make_room(self) -> None:
        self.is_full = False
        for pod in self.jobs.values():
            pod.start()

    def __enter__(self) -> Self:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length) or "{}")
                status, found = cluster.answer(self.command, self.path, body)
                text = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - as the library looks them up

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        for pod in self.jobs.values():
            pod.delete(0)

    def answer(self, verb: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.is_away:
            return 503, {"message": "apiserver not ready"}
        split = urlsplit(path)
        jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        if (verb, split.path) == ("POST", jobs):
            return self._create(body)
        if split.path == f"/api/v1/namespaces/{NAMESPACE}/pods":
            [selector] = parse_qs(split.query)["labelSelector"]
            label, _, name = selector.partition("=")
            assert label == "batch.kubernetes.io/job-name"
            pods = [self.jobs[name]] if name in self.jobs else []
            if verb == "DELETE":
                for pod in pods:
                    pod.delete(body["gracePeriodSeconds"])
            return 200, {"items": [pod.as_json() for pod in pods]}
        job = split.path.removeprefix(f"{jobs}/")
        if job not in self.jobs:
            return 404, {"message": f'jobs.batch "{job}" not found'}
        if verb == "DELETE":
            pod = self.jobs[job]
            pod.delete(pod.spec["terminationGracePeriodSeconds"])
            del self.jobs[job]
            return 200, {}
        return 200, {"status": _job_status(self.jobs[job].status)}

    def _create(self, job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        spec = job["spec"]["template"]["spec"]
        if not spec["containers"][0]["image"].islower():
            return 422, {"message": "couldn't parse image reference"}
        self.manifests.append(job)
        pod = self.jobs[job["metadata"]["name"]] = _Pod(spec)
        if not self.is_full:
            pod.start()
        return 201, job


def _pod_json(phase: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"phase": phase, "containerStatuses": [{"state": state}]}}


def _job_status(status: int | None) -> dict[str, Any]:
    if status is None:
        return {"active": 1}
    over = {"type": "Failed" if status else "Complete", "status": "True"}
    return {"conditions": [over]}

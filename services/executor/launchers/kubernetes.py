"""Trains in a Job of Kubernetes: created, watched and deleted over its REST API.

Four requests of ``batch/v1`` and ``v1`` are all that is needed; the official client would bring ten
packages for them. The Job has one pod with a device for each process. What passes between it
and the worker is in the attempt's folder, on a volume that both mount at the same path.

The worker's account needs: create, get and delete ``jobs``; list and deletecollection ``pods``.
"""

import hashlib
import logging
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from services.executor.launchers.accelerate import command
from services.executor.launchers.elsewhere import TrainingElsewhere, lay_out
from services.executor.launchers.launcher import SAVE_S
from shared.contracts.run import RunRequest
from shared.errors import TrainingFailed

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""Seconds between two questions to the API."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the token of its account and whom to trust; ``kubectl proxy`` needs neither."""

KEPT_S = 3600
"""Seconds that an ended Job stays, for people to look at."""

_ANSWER_S = 10.0
_KILLED_AFTER_S = 1  # 0 would forget the pod before it is known to be gone
_SHARED_MEMORY = {"name": "shared-memory", "emptyDir": {"medium": "Memory"}}


class KubernetesLauncher:
    """Creates a Job for each run; see `Launcher`."""

    def __init__(
        self,
        *,
        api: str,
        namespace: str,
        image: str,
        volumes: Mapping[str, Path],
        processes: int,
        gpus: bool,
        cpus: int | None,
        memory_gib: int | None,
        grace_s: float,
        heartbeat_s: float,
        look_s: float = LOOK_S,
    ) -> None:
        self._api, self._namespace, self._image, self._volumes = api, namespace, image, volumes
        self._processes, self._grace_s, self._heartbeat_s = processes, grace_s, heartbeat_s
        self._resources = resources(processes, gpus=gpus, cpus=cpus, memory_gib=memory_gib)
        self._look_s = look_s

    def start(
        self, request: RunRequest, folder: Path, cache: Path, *, interrupted: Path | None = None
    ) -> TrainingElsewhere:
        """Create a Job that carries out a run; see `Launcher.start`.

        Raises:
            TrainingFailed: no volume holds the folder, or Kubernetes refuses the Job.
        """
        home = folder.parent
        if not any(home.is_relative_to(path) for path in self._volumes.values()):
            raise TrainingFailed(
                f"wanted {home} on a volume, found {', '.join(map(str, self._volumes.values()))} "
                "mounted; correct TREX_LAUNCHER_VOLUMES or TREX_ARTIFACTS_FOLDER"
            )
        pulse = lay_out(
            request,
            folder,
            cache,
            interrupted=interrupted,
            processes=self._processes,
            heartbeat_s=self._heartbeat_s,
        )
        job = manifest(
            request, home, image=self._image, volumes=self._volumes, resources=self._resources
        )
        cluster = _Cluster(self._api, self._namespace)
        try:
            cluster.ask("POST", "batch/v1", "jobs", json=job).raise_for_status()
        except httpx.HTTPError as error:
            raise TrainingFailed(
                f"wanted Kubernetes to take the run, found: {_reason(error)}; "
                "correct TREX_LAUNCHER_* or ask whoever runs the cluster"
            ) from None
        place = _Job(cluster, job["metadata"]["name"], self._look_s)
        return TrainingElsewhere(place, pulse, folder, grace_s=self._grace_s)


def manifest(
    request: RunRequest,
    home: Path,
    *,
    image: str,
    volumes: Mapping[str, Path],
    resources: Mapping[str, str],
) -> dict[str, Any]:
    """Return the Job that carries out the errand of an attempt's folder.

    It is tried once: whether to try again is the planner's business.
    """
    name = f"trex-{hashlib.sha256(str(home).encode()).hexdigest()[:20]}"
    labels = {"app.kubernetes.io/managed-by": "open-trex", "open-trex/job": request.job_id}
    container = {
        "name": "train",
        "image": image,
        "command": command(home, python="python"),
        "resources": {"limits": dict(resources), "requests": dict(resources)},
        "volumeMounts": [
            *({"name": claim, "mountPath": str(path)} for claim, path in volumes.items()),
            {"name": _SHARED_MEMORY["name"], "mountPath": "/dev/shm"},  # between its processes
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": int(SAVE_S),
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [
            *({"name": n, "persistentVolumeClaim": {"claimName": n}} for n in volumes),
            _SHARED_MEMORY,
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"open-trex/attempt": str(home)},
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def resources(
    processes: int, *, gpus: bool, cpus: int | None, memory_gib: int | None
) -> dict[str, str]:
    """Return what a pod is given, in the words of Kubernetes."""
    wanted = {
        "nvidia.com/gpu": processes if gpus else None,
        "cpu": None if cpus is None else cpus * processes,
        "memory": None if memory_gib is None else f"{memory_gib}Gi",
    }
    return {name: str(value) for name, value in wanted.items() if value is not None}


class _Cluster:
    """The API server, asked for one namespace."""

    def __init__(self, api: str, namespace: str) -> None:
        self._api, self._namespace = api, namespace

    def ask(self, verb: str, group: str, path: str, **how: Any) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.HTTPError: nobody answers.
        """
        root = "api" if group == "v1" else "apis"
        url = f"{self._api}/{root}/{group}/namespaces/{self._namespace}/{path}"
        inside, headers = ACCOUNT.is_dir(), {}
        if inside:  # read each time, for it changes
            headers["Authorization"] = f"Bearer {(ACCOUNT / 'token').read_text().strip()}"
        trusted = ssl.create_default_context(cafile=ACCOUNT / "ca.crt") if inside else True
        with httpx.Client(timeout=_ANSWER_S, verify=trusted, headers=headers) as client:
            return client.request(verb, url, **how)


class _Job:
    def __init__(self, cluster: _Cluster, name: str, look_s: float) -> None:
        self._cluster, self._name, self.look_s = cluster, name, look_s
        self._its = {"labelSelector": f"batch.kubernetes.io/job-name={name}"}

    def waits_for(self) -> str:
        why = {reason for pod in self._pods() for reason in _why_not_yet(pod)}
        return "a place in Kubernetes" + "".join(f" ({reason})" for reason in sorted(why))

    def ended(self) -> str | None:
        found = self._answer("GET", "batch/v1", f"jobs/{self._name}")
        if found is None:
            return None
        if found.status_code == httpx.codes.NOT_FOUND:
            return f"was deleted with its Job {self._name}"
        conditions = found.json().get("status", {}).get("conditions", ())
        over = {one["type"] for one in conditions if one["status"] == "True"}
        if not over & {"Complete", "Failed"}:
            return None
        how = "; ".join(_how_it_ended(pod) for pod in self._pods()) or "left no pod"
        return f"in the Job {self._name} {how}"

    def stop(self) -> None:
        at_once = {"gracePeriodSeconds": _KILLED_AFTER_S}
        self._answer("DELETE", "v1", "pods", params=self._its, json=at_once)
        thoroughly = {"propagationPolicy": "Foreground"}  # the Job is gone once its pods are
        self._answer("DELETE", "batch/v1", f"jobs/{self._name}", json=thoroughly)

    def _pods(self) -> list[dict[str, Any]]:
        found = self._answer("GET", "v1", "pods", params=self._its)
        return [] if found is None else list(found.json()["items"])

    def _answer(self, verb: str, group: str, path: str, **how: Any) -> httpx.Response | None:
        """Return the answer, None if there is none to use: nobody knows then, and asks later."""
        try:
            answer = self._cluster.ask(verb, group, path, **how)
            if answer.status_code != httpx.codes.NOT_FOUND:
                answer.raise_for_status()
        except httpx.HTTPError as error:
            logger.warning("%s %s: %s", verb, path, _reason(error))
            return None
        return answer


def _why_not_yet(pod: Mapping[str, Any]) -> Iterator[str]:
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield condition.get("reason", "not scheduled")
    for status in pod["status"].get("containerStatuses", ()):
        if waiting := status["state"].get("waiting"):
            yield waiting.get("reason", "waiting")


def _how_it_ended(pod: Mapping[str, Any]) -> str:
    for status in pod["status"].get("containerStatuses", ()):
        if over := status["state"].get("terminated"):
            return f"ended with status {over['exitCode']} ({over.get('reason', 'no reason given')})"
    return f"ended ({pod['status'].get('reason', pod['status']['phase'])})"


def _reason(error: httpx.HTTPError) -> str:
    if not isinstance(error, httpx.HTTPStatusError):
        return str(error) or type(error).__name__
    return f"{error.response.status_code} {error.response.text[:500]}"

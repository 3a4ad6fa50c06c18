"""The Job that Kubernetes is asked for."""

from pathlib import Path

from services.executor.launchers.kubernetes import manifest, resources
from tests.support.examples import RUN_REQUEST

HOME = Path("/artifacts/j-0a1b2c3d/run-1/attempt-3")
VOLUMES = {"trex": Path("/artifacts"), "rows": Path("/data")}


def test_a_job_is_tried_once_and_may_save_before_it_is_killed() -> None:
    job = manifest(RUN_REQUEST, HOME, image="trex:1", volumes=VOLUMES, resources={})

    spec = job["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 3600)
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] == 120


def test_a_pod_sees_the_claims_where_the_worker_sees_them() -> None:
    job = manifest(RUN_REQUEST, HOME, image="trex:1", volumes=VOLUMES, resources={})

    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["command"] == ["python", "-m", "services.executor.launched", str(HOME)]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"trex": "/artifacts", "rows": "/data", "shared-memory": "/dev/shm"}
    claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"][:2]]
    assert claims == ["trex", "rows"]


def test_every_attempt_has_a_job_of_its_own() -> None:
    names = {
        manifest(
            RUN_REQUEST, HOME.with_name(f"attempt-{n}"), image="trex:1", volumes={}, resources={}
        )["metadata"]["name"]
        for n in range(9)
    }

    assert len(names) == 9
    assert all(name.isascii() and name.islower() and len(name) <= 63 for name in names)


def test_each_process_has_a_device_and_cores_and_the_run_its_memory() -> None:
    wanted = resources(4, gpus=True, cpus=6, memory_gib=64)

    assert wanted == {"nvidia.com/gpu": "4", "cpu": "24", "memory": "64Gi"}
    assert resources(4, gpus=False, cpus=None, memory_gib=None) == {}

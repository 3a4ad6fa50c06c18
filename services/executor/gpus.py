"""Takes GPUs of this host for one executor, so that the executors beside it take others.

All containers of ``--scale executor=N`` see the same GPUs. An executor locks a file for each that
it takes, in a folder that the executors of a host share, and its training processes lock it too:
the kernel frees the GPU when the last of them is gone, however it ended. No torch, for only
training processes may touch a device: `nvidia-smi` says what is there.
"""

import fcntl
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.errors import Rejected, Unavailable

logger = logging.getLogger(__name__)

LOOK_S = 1.0
"""Seconds between two looks for a free GPU."""

SAY_S = 60.0
"""Seconds between two words on waiting for one."""

LISTING_S = 30.0
"""Seconds that `nvidia-smi` gets; it takes several where the driver has to wake the GPUs first."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Variable that says what CUDA may use, and here in which order."""

NONE = ("", "-1", "NoDevFiles")
"""What it says where CUDA may use nothing: a person's word, another's, the container runtime's."""

HELD = "TREX_HELD_GPUS"
"""Variable with the files that an executor has locked, for its training processes."""


def take_gpus(folder: Path, count: int, *, waits: Callable[[str], None] = lambda _: None) -> None:
    """Take so many GPUs for as long as this process lives, and let it see no others.

    Without a GPU, or with none in ``CUDA_VISIBLE_DEVICES``, there is nothing to take.

    Args:
        folder: where executors of this host lock files.
        count: all of them or none.
        waits: told again and again what this process waits for, while fewer are free.

    Raises:
        Rejected: there are fewer than that, none of those that are named, or the folder cannot
            hold locks.
        Unavailable: `nvidia-smi` does not work.
    """
    there, allowed = seen(), os.environ.get(VISIBLE)
    gpus = visible(there, allowed)
    if not gpus and there and allowed not in NONE:
        raise Rejected(
            f"wanted GPUs that {VISIBLE}={allowed} names, found {len(there)} others; correct it, "
            "or leave it empty to train on the processor"
        )
    if not gpus:
        return
    if count > len(gpus):
        raise Rejected(
            f"wanted {count} GPUs for TREX_LAUNCHER_PROCESSES, found {len(gpus)}; lower it, or let "
            "the executor see more"
        )
    folder = folder.resolve()
    files = {folder / f"{gpu}.lock": gpu for gpu in gpus}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = _wait_for(folder, list(files), count, waits)
    except OSError as error:
        raise Rejected(
            f"wanted to lock files in {folder}, found: {error.strerror}; correct its rights, or "
            "set TREX_LAUNCHER_GPU_LOCKS to another folder"
        ) from None
    os.environ[VISIBLE] = ",".join(files[file] for file in taken)
    os.environ[HELD] = os.pathsep.join(map(str, taken))
    logger.info("trains on %s", os.environ[VISIBLE])


def keep_gpus() -> None:
    """Have the GPUs of this process's executor stay taken until this process is gone as well."""
    for file in filter(None, os.environ.get(HELD, "").split(os.pathsep)):
        fcntl.flock(_open(Path(file)), fcntl.LOCK_SH)


def seen() -> list[str]:
    """Return the UUIDs of what CUDA finds on this machine, in the order of `nvidia-smi`.

    Raises:
        Unavailable: `nvidia-smi` is there and does not work.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listing = subprocess.run(
            [command, "-L"], capture_output=True, text=True, timeout=LISTING_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _does_not_work(str(error)) from None
    if listing.returncode != 0 and "No devices" not in listing.stdout:
        raise _does_not_work((listing.stdout + listing.stderr).strip())
    return listed(listing.stdout)


def listed(said: str) -> list[str]:
    """Return the UUIDs in what ``nvidia-smi -L`` said.

    A GPU that is cut into parts (MIG) is listed before them; CUDA then finds the parts alone.
    """
    found: list[str] = []
    for uuid in re.findall(r"\(UUID: ([\w-]+)\)", said):
        if uuid.startswith("MIG-") and found and found[-1].startswith("GPU-"):
            found.pop()
        found.append(uuid)
    return found


def visible(gpus: Sequence[str], allowed: str | None) -> list[str]:
    """Return those of the UUIDs that ``CUDA_VISIBLE_DEVICES`` allows, in its order.

    It may name them by number, here as `nvidia-smi` counts, or by the beginning of their UUID. As
    with CUDA, what there is none of hides all that follows it.
    """
    if allowed is None:
        return list(gpus)
    chosen: list[str] = []
    for name in allowed.split(","):
        gpu = _named(name.strip(), gpus)
        if gpu is None:
            break
        chosen.append(gpu)
    return list(dict.fromkeys(chosen))


def _named(name: str, gpus: Sequence[str]) -> str | None:
    if name.isdecimal():
        return gpus[int(name)] if int(name) < len(gpus) else None
    fitting = [gpu for gpu in gpus if name and gpu.startswith(name)]
    return fitting[0] if len(fitting) == 1 else None


def _wait_for(
    folder: Path, files: Sequence[Path], count: int, waits: Callable[[str], None]
) -> list[Path]:
    sentence = (
        f"waiting for {count} of {len(files)} GPUs to be free; other executors hold their locks in "
        f"{folder}"
    )
    said = float("-inf")
    while True:
        taken = _take(folder, files, count)
        if taken is not None:
            return taken
        waits(sentence)
        if time.monotonic() - said > SAY_S:
            said = time.monotonic()
            logger.info(sentence)
        time.sleep(LOOK_S)


def _take(folder: Path, files: Sequence[Path], count: int) -> list[Path] | None:
    """Lock the first free files, which stay locked; None, and none locked, if too few are free.

    One executor at a time, so that two that want several do not keep each other from them.
    """
    choosing = _open(folder / "choosing.lock")
    try:
        fcntl.flock(choosing, fcntl.LOCK_EX)
        locks: dict[Path, int] = {}
        for file in files:
            if len(locks) < count and (lock := _lock(file)) is not None:
                locks[file] = lock
        if len(locks) == count:
            for lock in locks.values():
                fcntl.flock(lock, fcntl.LOCK_SH)  # with the processes that train; see `keep_gpus`
            return list(locks)
        for lock in locks.values():
            os.close(lock)
        return None
    finally:
        os.close(choosing)


def _lock(file: Path) -> int | None:
    descriptor = _open(file)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)  # over NFS a lock needs the right to write


def _does_not_work(said: str) -> Unavailable:
    return Unavailable(
        f"wanted the GPUs of this machine, found that nvidia-smi -L does not work: {said}; check "
        "the driver, or unset TREX_LAUNCHER_GPU_LOCKS to go without a lease"
    )

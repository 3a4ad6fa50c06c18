import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.cache import MANIFEST, Use, evict, obtain

HOLD = """
import sys
from pathlib import Path
from shared.cache import Use
use = Use(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def fill(folder: Path) -> None:
    (folder / MANIFEST).write_text("x" * 100)


def made(cache: Path, *names: str) -> None:
    """Make folders of 100 bytes, wanted in this order."""
    for second, name in enumerate(names):
        obtain(cache / name, fill)
        os.utime(cache / name / MANIFEST, (second, second))


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


def test_a_folder_is_filled_once(tmp_path: Path) -> None:
    filled: list[Path] = []

    def counting(folder: Path) -> None:
        filled.append(folder)
        fill(folder)

    for _ in range(2):
        obtain(tmp_path / "a", counting)

    assert len(filled) == 1


def test_an_error_while_filling_leaves_nothing(tmp_path: Path) -> None:
    def failing(folder: Path) -> None:
        fill(folder)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        obtain(tmp_path / "a", failing)

    assert left(tmp_path) == []


def test_what_a_killed_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".a-killed").mkdir()

    obtain(tmp_path / "a", fill)

    assert left(tmp_path) == ["a"]


def test_what_was_not_wanted_for_longest_goes_first(tmp_path: Path) -> None:
    made(tmp_path, "old", "middle", "new")
    obtain(tmp_path / "old", fill)  # wanted again just now

    evict([tmp_path], max_bytes=250)

    assert left(tmp_path) == ["new", "old"]


def test_the_bound_is_on_all_caches_together(tmp_path: Path) -> None:
    made(tmp_path / "one", "a")
    made(tmp_path / "two", "b", "c")

    evict([tmp_path / "one", tmp_path / "two"], max_bytes=100)

    assert (left(tmp_path / "one"), left(tmp_path / "two")) == ([], ["c"])


def test_a_folder_in_use_is_never_removed(tmp_path: Path) -> None:
    made(tmp_path, "used", "unused")
    use = Use(tmp_path / "used")

    evict([tmp_path], max_bytes=0)
    assert left(tmp_path) == ["used"]

    del use
    evict([tmp_path], max_bytes=0)
    assert left(tmp_path) == []


def test_a_use_by_another_process_ends_when_it_is_killed(tmp_path: Path) -> None:
    made(tmp_path, "used")
    command = [sys.executable, "-c", HOLD, str(tmp_path / "used")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        evict([tmp_path], max_bytes=0)
        while_held = left(tmp_path)
        other.kill()
        other.wait()

    evict([tmp_path], max_bytes=0)

    assert while_held == ["used"]
    assert left(tmp_path) == []


def test_an_evicted_folder_is_made_again(tmp_path: Path) -> None:
    made(tmp_path, "a")
    evict([tmp_path], max_bytes=0)

    obtain(tmp_path / "a", fill)

    assert left(tmp_path) == ["a"]


def test_who_locks_a_folder_that_was_made_anew_meanwhile_locks_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "a")
    lock = fcntl.flock

    def too_late(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        evict([tmp_path], max_bytes=0)
        made(tmp_path, "a")
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", too_late)
    use = obtain(tmp_path / "a", fill)
    evict([tmp_path], max_bytes=0)

    assert left(tmp_path) == ["a"]
    del use

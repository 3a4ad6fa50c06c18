"""A command that may not see some folders and does all it can to. With this kernel's namespaces."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trex.seclusion import secluded, why_not

SECRET = "the right answer"

# Asked of another program: were it asked of the code here, a fault in it would skip its own tests.
_ALLOWED = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, text=True, check=False)
pytestmark = pytest.mark.skipif(_ALLOWED.returncode != 0, reason=_ALLOWED.stderr)


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "vault"
    (folder / "rows").mkdir(parents=True)
    (folder / "rows" / "dev.jsonl").write_text(SECRET)
    return folder


@pytest.fixture
def evaluator(vault: Path) -> Iterator[int]:
    """A process of the same user that has the rows open, and stands in the folder with them."""
    rows = str(vault / "rows" / "dev.jsonl")
    holding = f"f = open({rows!r}); print('open', flush=True); import time; time.sleep(60)"
    command = [sys.executable, "-c", holding]
    with subprocess.Popen(command, cwd=vault, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


ATTEMPTS = {
    "reading": "cat {vault}/rows/dev.jsonl",
    "listing": "find {vault} -type f",
    "another way to it": "cat {vault}/../vault/rows/dev.jsonl; ls -R {vault}/..",
    "a link to it": "ln -s {vault} {tmp}/link; cat {tmp}/link/rows/dev.jsonl; find -L {tmp}/link",
    "uncovering": "umount {vault}; umount -l {vault}; cat {vault}/rows/dev.jsonl",
    "uncovering in a namespace": "unshare -Urm sh -c 'umount {vault}; cat {vault}/rows/dev.jsonl'",
    "another mount": "mount --bind {vault}/.. {tmp}/mnt; find {tmp}/mnt -type f",
    "another mount with all in it": (
        "mount --rbind {vault}/.. {tmp}/mnt; umount {tmp}/mnt/vault; find {tmp}/mnt -type f"
    ),
    "moving it": "mv {vault} {tmp}/moved; find {tmp}/moved -type f",
    "moving what it lies in": "mv {vault}/.. {tmp}/moved; find {tmp}/moved -type f",
    "the evaluator's root": "cat /proc/{evaluator}/root{vault}/rows/dev.jsonl",
    "the evaluator's folder": "cat /proc/{evaluator}/cwd/rows/dev.jsonl",
    "the evaluator's files": "cat /proc/{evaluator}/fd/3",
    "the evaluator's namespace": "nsenter -t {evaluator} -m cat {vault}/rows/dev.jsonl",
    "init's root": "cat /proc/1/root{vault}/rows/dev.jsonl",
}


def run(vault: Path, tmp_path: Path, script: str) -> "subprocess.CompletedProcess[str]":
    command = secluded(["sh", "-c", script], [vault])
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path.cwd())


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_way_leads_to_what_is_covered(
    attempt: str, vault: Path, evaluator: int, tmp_path: Path
) -> None:
    (tmp_path / "mnt").mkdir()
    words = {"vault": vault, "tmp": tmp_path, "evaluator": evaluator}

    tried = run(vault, tmp_path, ATTEMPTS[attempt].format(**words))

    assert SECRET not in tried.stdout + tried.stderr
    assert "dev.jsonl\n" not in tried.stdout


def test_the_same_attempts_succeed_without_a_cover(
    vault: Path, evaluator: int, tmp_path: Path
) -> None:
    words = {"vault": vault, "tmp": tmp_path, "evaluator": evaluator}
    for attempt in ("reading", "a link to it", "the evaluator's root", "the evaluator's files"):
        script = ATTEMPTS[attempt].format(**words)
        tried = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert SECRET in tried.stdout, attempt


def test_a_file_can_be_hidden_by_itself(vault: Path, tmp_path: Path) -> None:
    hidden, seen = tmp_path / "dev.jsonl", tmp_path / "train.jsonl"
    for file in (hidden, seen):
        file.write_text(SECRET)
    command = secluded(["cat", str(hidden), str(seen)], [hidden, tmp_path / "gone.jsonl"])

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == SECRET


def test_a_machine_that_allows_namespaces_is_known_to_seclude() -> None:
    assert why_not() is None


def test_no_disk_can_be_read_past_its_files(vault: Path, tmp_path: Path) -> None:
    # What lies over a device is seen by `test`; `find` alone looks at what lies below.
    looking = "for d in $(find /dev -type b); do test -b $d && test -r $d && echo $d; done"

    assert run(vault, tmp_path, looking).stdout == ""


def test_ptrace_does_not_reach_the_evaluator(vault: Path, evaluator: int, tmp_path: Path) -> None:
    attach = (
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "
        f"print(libc.ptrace(16, {evaluator}, 0, 0), os.strerror(ctypes.get_errno()))"
    )
    command = secluded([sys.executable, "-c", attach], [vault])

    tried = subprocess.run(command, capture_output=True, text=True, check=True)

    assert tried.stdout == "-1 Operation not permitted\n"


def test_the_rest_of_the_machine_is_as_it_was(vault: Path, tmp_path: Path) -> None:
    mine = subprocess.run(["id"], capture_output=True, text=True, check=True).stdout

    done = run(vault, tmp_path, f"id; echo written > {tmp_path}/new; exit 7")

    assert (done.returncode, done.stdout, done.stderr) == (7, mine, "")
    assert (tmp_path / "new").read_text() == "written\n"
    assert (tmp_path / "new").owner() == vault.owner()


def test_a_command_that_was_told_to_stop_with_its_parent_still_does(
    vault: Path, tmp_path: Path
) -> None:
    command = secluded(["sleep", "60"], [vault])
    starting = (
        "from trex.processes import start; from pathlib import Path; import time, os; "
        f"process = start({command!r}, log=Path({str(tmp_path / 'log')!r})); "
        "comm = Path(f'/proc/{process.pid}/comm')\n"
        "while comm.read_text() != 'sleep\\n': time.sleep(0.01)\n"
        "print(process.pid, flush=True); os._exit(0)"
    )

    parent = subprocess.run(
        [sys.executable, "-c", starting], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )

    state = Path(f"/proc/{int(parent.stdout)}/stat")
    for _ in range(500):
        # An orphan that has ended is a zombie for as long as init does not ask for it.
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        subprocess.run(["sleep", "0.01"], check=True)
    else:
        pytest.fail("it outlived its parent")

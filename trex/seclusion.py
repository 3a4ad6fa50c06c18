"""Starts a command where some places are empty for it, whatever it tries, though as the same user.

It gets namespaces of its own, one of users and one of mounts, in which something empty lies over
each. In a second pair of them that mount is locked: Linux lets nobody undo a mount that came from a
namespace with other rights (mount_namespaces(7), "Restrictions on mount namespaces"). Nor does a
process see out of its namespace of users: what `root`, `cwd`, `fd` and `mem` in `/proc` lead to is
closed to it for those outside (ptrace(2), "Ptrace access mode checking").

That keeps it from reading. It is no sandbox: whoever writes as the same user can change a program
that is started later, or have one started by a service of the machine. Root can do more of that
than others.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

_NEW_MOUNTS, _NEW_USERS = 0x0002_0000, 0x1000_0000  # CLONE_NEWNS, CLONE_NEWUSER
_READ_ONLY, _BIND = 1, 4096  # MS_RDONLY, MS_BIND
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def secluded(command: Sequence[str], places: Sequence[Path]) -> list[str]:
    """Return a command that runs another where folders and files that exist look empty."""
    return [sys.executable, "-m", "trex.seclusion", *map(str, places), "--", *command]


def why_not() -> str | None:
    """Return why nothing can be secluded on this machine; None when it can. Takes 0.1 s or so."""
    if _LIBC is None:
        return f"{sys.platform} has no namespaces"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows").touch()
        command = secluded(["test", "!", "-e", f"{folder}/rows"], [Path(folder)])
        looked = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if looked.returncode == 0 else looked.stderr.strip() or "the folder is still seen"


def main(arguments: Sequence[str]) -> None:
    """Become ``COMMAND`` of ``PLACE... -- COMMAND``, or leave where the kernel refuses."""
    end = arguments.index("--")
    places, command = map(Path, arguments[:end]), arguments[end + 1 :]
    try:
        _enter_namespaces()
        for place in (*places, *_disks()):
            if place.is_dir():
                _mount("tmpfs", place, "tmpfs", _READ_ONLY, "size=4k,mode=555")
            elif place.exists():
                _mount("/dev/null", place, None, _BIND, None)
        _enter_namespaces()
    except OSError as error:
        sys.exit(f"the kernel refuses a namespace: {error.strerror}")
    os.execvp(command[0], list(command))


def _enter_namespaces() -> None:
    """Go on in new namespaces of users and mounts, where everybody who can keeps their number.

    A process outside has to say who is who, as one inside has lost the right to speak for others.
    """
    pid, (outside, inside) = os.getpid(), os.pipe()
    speaker = os.fork()
    if speaker == 0:
        os.close(inside)
        os._exit(_name_users(pid) if os.read(outside, 1) else 1)
    os.close(outside)
    with open(inside, "wb", buffering=0) as go:  # noqa: PTH123 - a pipe
        assert _LIBC is not None
        if _LIBC.unshare(_NEW_USERS | _NEW_MOUNTS):
            _fail()
        go.write(b".")
    refused = os.waitstatus_to_exitcode(os.waitpid(speaker, 0)[1])
    if refused:
        raise OSError(refused, os.strerror(refused))


def _name_users(pid: int) -> int:
    """Map everybody in a new namespace to themselves, or who is alone allowed to; return errno."""
    process = Path("/proc", str(pid))
    try:
        try:
            (process / "uid_map").write_text(_everybody("uid_map"))
            (process / "gid_map").write_text(_everybody("gid_map"))
        except PermissionError:  # not root: this user and this group alone
            (process / "uid_map").write_text(f"{os.geteuid()} {os.geteuid()} 1\n")
            (process / "setgroups").write_text("deny")
            (process / "gid_map").write_text(f"{os.getegid()} {os.getegid()} 1\n")
    except OSError as error:
        return error.errno or 1
    return 0


def _everybody(which: str) -> str:
    known = (line.split() for line in Path("/proc/self", which).read_text().splitlines())
    return "".join(f"{first} {first} {count}\n" for first, _, count in known)


def _disks() -> Iterator[Path]:
    """Yield the devices that root could read the files of a disk from."""
    for folder, _, names in os.walk("/dev") if os.geteuid() == 0 else ():
        devices = (Path(folder, name) for name in names)
        yield from (device for device in devices if device.is_block_device())


def _mount(what: str, where: Path, kind: str | None, flags: int, options: str | None) -> None:
    assert _LIBC is not None
    given = (what, str(where), kind, options)
    texts = [None if text is None else text.encode() for text in given]
    if _LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]):
        _fail()


def _fail() -> None:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(sys.argv[1:])

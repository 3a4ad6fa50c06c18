"""Hosts that share no network but what connects them: network namespaces of Linux.

A hub has one address and a wire to each other host. Hosts reach the hub's address, and nobody
reaches them unless they asked.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)

HUB_ADDRESS = "10.77.0.1"


@dataclass(frozen=True, slots=True)
class Host:
    """One namespace."""

    name: str
    wire: str = ""
    """The hub's end of its wire."""
    hub: str = ""

    def runs(self, *command: str) -> list[str]:
        """Return a command as this host runs it."""
        return ["ip", "netns", "exec", self.name, *command]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have this thread's new sockets be of this host."""
        with open("/proc/thread-self/ns/net") as own:  # noqa: PTH123 - its descriptor
            _enter(Path(f"/run/netns/{self.name}"))
            try:
                yield
            finally:
                if _LIBC.setns(own.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "cannot return from a namespace")

    def cut_off(self) -> None:
        """Have everything that is sent to or from here lost without a word."""
        _ip("-n", self.hub, "link", "set", self.wire, "down")

    def connect(self) -> None:
        """Have it arrive again."""
        _ip("-n", self.hub, "link", "set", self.wire, "up")


def why_not() -> str | None:
    """Return why no namespace can be made here; None where they can."""
    if shutil.which("ip") is None:
        return "there is no command ip (of iproute2)"
    probe = f"trex-{os.getpid()}-probe"
    command = ["ip", "netns", "add", probe]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces are not to be had: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return None


@contextmanager
def hub_and_hosts(count: int) -> Iterator[tuple[Host, Sequence[Host]]]:
    """Make a hub and hosts with wires to it while the block runs."""
    unique = os.getpid()
    hub = Host(f"trex-{unique}-hub")
    hosts = [Host(f"trex-{unique}-{n}", f"tx{unique}h{n}", hub.name) for n in range(1, count + 1)]
    with ExitStack() as stack:
        for host in (hub, *hosts):
            _ip("netns", "add", host.name)
            stack.callback(_ip, "netns", "del", host.name)
            _ip("-n", host.name, "link", "set", "lo", "up")
        _ip("-n", hub.name, "addr", "add", f"{HUB_ADDRESS}/32", "dev", "lo")
        for number, host in enumerate(hosts, start=1):
            theirs = f"{host.wire}t"
            peer = ["peer", "name", theirs, "netns", host.name]
            _ip("-n", hub.name, "link", "add", host.wire, "type", "veth", *peer)
            _ip("-n", hub.name, "addr", "add", f"10.77.{number}.1/30", "dev", host.wire)
            _ip("-n", host.name, "addr", "add", f"10.77.{number}.2/30", "dev", theirs)
            _ip("-n", hub.name, "link", "set", host.wire, "up")
            _ip("-n", host.name, "link", "set", theirs, "up")
            _ip("-n", host.name, "route", "add", HUB_ADDRESS, "via", f"10.77.{number}.1")
        yield hub, hosts


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _enter(namespace: Path) -> None:
    with namespace.open() as file:
        if _LIBC.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")

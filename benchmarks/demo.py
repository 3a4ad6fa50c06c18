"""Times the demo from nothing and measures the memory of all its processes.

Run it on an otherwise quiet machine: ``python benchmarks/demo.py``. Prints a table; takes minutes.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

SAMPLE_S = 1.0


def main() -> int:
    """Run ``trex demo`` in an empty home and print what it took."""
    with tempfile.TemporaryDirectory() as home:
        log = Path(home) / "demo.log"
        began = time.monotonic()
        with log.open("wb") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "trex", "demo"],
                env={**os.environ, "TREX_HOME": home},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            peak_rss, peak_pss, most = 0, 0, 0
            while demo.poll() is None:
                rss, pss, count = _memory(psutil.Process(demo.pid))
                peak_rss, peak_pss, most = max(peak_rss, rss), max(peak_pss, pss), max(most, count)
                time.sleep(SAMPLE_S)
        took_s = time.monotonic() - began
        print(*log.read_text(errors="replace").splitlines()[-3:], sep="\n")
    print()
    print("| what | measured | wanted |")
    print("|---|---|---|")
    print(f"| exit status | {demo.returncode} | 0 |")
    print(f"| wall clock, base model included | {took_s:.0f} s | ≤ 300 s |")
    print(f"| peak resident, pages shared by processes counted once | {_gib(peak_pss)} | ≤ 3 GiB |")
    print(f"| peak resident, shared pages counted in each process | {_gib(peak_rss)} | |")
    print(f"| most processes at once | {most} | |")
    return demo.returncode


def _memory(root: psutil.Process) -> tuple[int, int, int]:
    rss, pss, count = 0, 0, 0
    with suppress(psutil.NoSuchProcess):
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                memory = process.memory_full_info()
                rss, pss, count = rss + memory.rss, pss + memory.pss, count + 1
    return rss, pss, count


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


if __name__ == "__main__":
    sys.exit(main())

"""Times how long each part takes to start, in fresh interpreters."""

import statistics
import subprocess
import sys
import time

PARTS = {
    "planner": "import services.planner.__main__",
    "researcher": "import services.researcher.worker",
    "executor, before warming up": "import services.executor.worker",
    "evaluator, with its in-process scorer": "import services.evaluator.worker",
    "trex --help": "from trex.cli import app",
    "nothing": "",
}
WANTED = {"planner": "≤ 1.5 s"}
RUNS = 5


def main() -> None:
    """Print the table."""
    print("| part | median | loads torch | wanted |")
    print("|---|---|---|---|")
    for part, statement in PARTS.items():
        seconds = statistics.median(_seconds(statement) for _ in range(RUNS))
        print(f"| {part} | {seconds:.2f} s | {_loads_torch(statement)} | {WANTED.get(part, '')} |")


def _seconds(statement: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.monotonic() - began


def _loads_torch(statement: str) -> str:
    script = f"{statement}\nimport sys\nprint('yes' if 'torch' in sys.modules else 'no')"
    return subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    main()

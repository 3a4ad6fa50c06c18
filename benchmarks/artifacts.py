"""Times publishing and fetching a checkpoint, against a plain copy of the same files.

``python -m benchmarks.artifacts [--mib 256]`` prints a table. The S3 server is moto's, in Python
and on this machine, so what it says of S3 is a floor and not what a bucket does.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from shared.artifacts.artifacts import Artifacts
from shared.settings import ArtifactSettings
from tests.support.s3 import BUCKET, KEYS, s3_server

SHAPES = {"one file": 1, "64 files": 64}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="size of a checkpoint")
    mib = parser.parse_args().mib
    print("| files | store | plain copy | publish | ratio | fetch | ratio | fetch again |")
    print("|---|---|---|---|---|---|---|---|")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(s3_server(scratch / "s3.log"))
        os.environ.update({**KEYS, "AWS_ENDPOINT_URL": server})
        for files, count in SHAPES.items():
            for store, url in (("file", f"file://{scratch}/shared"), ("s3", f"s3://{BUCKET}/a")):
                print(_row(files, count, store, url, scratch / f"{store}-{count}", mib))


def _row(files: str, count: int, store: str, url: str, scratch: Path, mib: int) -> str:
    hosts = [Artifacts(ArtifactSettings(folder=scratch / name, url=url)) for name in ("one", "two")]
    folder = hosts[0].folder / f"j-{count}" / "run-1" / "attempt-1" / "checkpoint"
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.safetensors").write_bytes(os.urandom(mib * 2**20 // count))
    copied = _seconds(lambda: shutil.copytree(folder, scratch / "copy"))
    names: list[str] = []
    published = _seconds(lambda: names.append(hosts[0].publish(folder)))

    def fetch() -> None:
        with hosts[1].fetched(names[0]):
            pass

    fetched, again = _seconds(fetch), _seconds(fetch)
    cells = [
        files,
        store,
        f"{mib / copied:.0f} MiB/s",
        f"{mib / published:.0f} MiB/s",
        f"{published / copied:.1f}",
        f"{mib / fetched:.0f} MiB/s",
        f"{fetched / copied:.1f}",
        f"{again * 1000:.1f} ms",
    ]
    return f"| {' | '.join(cells)} |"


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()

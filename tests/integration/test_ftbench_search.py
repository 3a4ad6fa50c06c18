"""``ftbench search`` through a whole system: sealed items, two rules of search, one budget."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GOOD, BAD = ("red", "blue", "green"), ("black", "white", "brown")


def write_task(data: Path) -> None:
    """Write reviews of one colour each into files laid out like those of SST-2."""
    folder = data / "sst2"
    folder.mkdir(parents=True)
    lines = [
        f"a {word} film {number}\t{int(word in GOOD)}"
        for number in range(250)
        for word in GOOD + BAD
    ]
    for name, part in (("train", lines[:1200]), ("dev", lines[1200:1470]), ("test", lines[1470:])):
        (folder / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *part]) + "\n")


@pytest.mark.parametrize("system", ["trex", "sequential"])
def test_a_search_spends_its_budget_on_a_task_and_keeps_its_curve(
    nano_base: Path, tmp_path: Path, system: str
) -> None:
    write_task(tmp_path / "data")
    out = tmp_path / "curve.json"
    command = [
        *(sys.executable, "-m", "ftbench", "search", "--task", "sst2", "--system", system),
        *("--base-model", str(nano_base), "--experiments", "2", "--run-seconds", "8"),
        *("--max-length", "256", "--out", str(out), "--folder", str(tmp_path)),
    ]
    environment = {
        **os.environ,
        "TREX_HOME": str(tmp_path / "home"),
        "FTBENCH_DATA": str(tmp_path / "data"),
    }

    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=280, check=False
    )

    assert done.returncode == 0, done.stderr
    curve = json.loads(out.read_text())
    assert (curve["task"], curve["system"]) == ("sst2", system)
    assert [point["experiment"] for point in curve["curve"]] == [1, 2]
    assert curve["curve"][-1]["best"] >= curve["base"]
    # Test is opened only when something beat the base model.
    assert (curve["test_best"] is None) == (curve["curve"][-1]["best"] == curve["base"])
    if system == "sequential":
        assert [point["parent"] for point in curve["curve"]] == [0, 1]
    exported = (tmp_path / "sst2-train.jsonl").read_text()
    sealed = [
        line.split("\t")[0] for line in (tmp_path / "data/sst2/test.tsv").read_text().splitlines()
    ]
    assert not any(f'"{sentence}\\n' in exported for sentence in sealed)

"""Runs of a real nano model, answered by the evaluator in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.checkpoint import CheckpointModel
from ftbench.running import RunEnd, run_task
from ftbench.task import Item, Message
from ftbench.tasks import get_task
from services.evaluator.generate import main as generate
from services.evaluator.in_process import TransformersScorer
from shared.errors import Rejected, ScoringFailed
from tests.support.questions import questions

pytestmark = pytest.mark.slow

TASK = get_task("sst2")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "predictions.jsonl"


def run(
    base: Path,
    out: Path,
    items: list[Item],
    max_new_tokens: int = 8,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RunEnd:
    return run_task(
        TASK,
        items,
        out=out,
        model=CheckpointModel(base),
        scope="test",
        max_new_tokens=max_new_tokens,
        on_progress=on_progress,
    )


def written(out: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row["prediction"] for row in rows}


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in found.stdout.split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answered_here(base: Path, items: list[Item]) -> dict[str, str]:
    asked = [[message.as_dict() for message in item.messages] for item in items]
    batches = TransformersScorer().answer(str(base), str(base), asked, max_new_tokens=8)
    return {items[i].id: said.text for batch in batches for i, said in batch.items()}


def with_turns(item: Item) -> Item:
    """Put an earlier question and its answer before the item's own."""
    system, *rest = item.messages
    earlier = (Message("user", "the red fox?"), Message("assistant", "saw a green bird"))
    return replace(item, messages=(system, *earlier, *rest))


def test_a_checkpoint_answers_as_it_does_in_this_process(nano_base: Path, out: Path) -> None:
    items = [*questions(5), with_turns(questions(6)[5])]

    end = run(nano_base, out, items)

    assert (end.asked, end.answered, end.failed) == (6, 6, {})
    assert written(out) == answered_here(nano_base, items)
    record = json.loads(Path(f"{out}.run.json").read_text())
    assert record["engines"] == [TransformersScorer().engine]
    assert record["model"] == str(nano_base.resolve())
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, f"{out.name}.run.json"]


def test_a_prompt_without_room_for_an_answer_fails_alone(nano_base: Path, out: Path) -> None:
    items = questions(3)
    items[1] = replace(items[1], messages=(Message("user", "red " * 3000),))

    end = run(nano_base, out, items)

    assert (end.answered, list(end.failed)) == (2, ["q/1"])
    assert end.failed["q/1"].startswith("has 3")
    assert written(out).keys() == {"q/0", "q/2"}


def test_no_room_for_any_answer_fails_every_item(nano_base: Path, out: Path) -> None:
    end = run(nano_base, out, questions(2), max_new_tokens=64_000)

    assert (end.answered, len(end.failed)) == (0, 2)


def test_a_folder_without_a_model_is_a_named_failure(
    nano_base: Path, out: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(nano_base, broken)
    (broken / "model.safetensors").unlink()

    with pytest.raises(
        ScoringFailed, match="wanted a whole model's weights as safetensors, found no such"
    ):
        run(broken, out, questions(2))


def test_an_answering_process_that_is_killed_is_a_named_failure(nano_base: Path, out: Path) -> None:
    others = set(children_of(os.getpid()))  # such as what other tests train from

    def kill(done: int, total: int) -> None:
        if done > 0:
            [child] = set(children_of(os.getpid())) - others
            os.kill(child, signal.SIGKILL)

    with pytest.raises(ScoringFailed, match=r"ended with status -9, saying ''; see .*log"):
        run(nano_base, out, questions(250), max_new_tokens=64, on_progress=kill)

    assert written(out)


def test_no_folder_is_refused(out: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="wanted a checkpoint's folder, found none at"):
        run(tmp_path / "none", out, questions(2))


RUN_IN_CHILD = """
import sys
from pathlib import Path
from ftbench.running import CheckpointModel, run_task
from ftbench.tasks import get_task
from tests.support.questions import questions
run_task(
    get_task("sst2"),
    questions(250),
    out=Path(sys.argv[2]),
    model=CheckpointModel(Path(sys.argv[1])),
    scope="test",
    max_new_tokens=64,
    on_progress=lambda done, total: print(done, flush=True),
)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_run_that_was_killed_takes_its_child_along_and_goes_on_where_it_was(
    nano_base: Path, out: Path
) -> None:
    command = [sys.executable, "-c", RUN_IN_CHILD, str(nano_base), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run_:
        assert run_.stdout is not None
        done = 0
        while done == 0:  # the first line says that nothing is done yet
            done = int(run_.stdout.readline())
        [child] = children_of(run_.pid)
        run_.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while runs(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)
    kept = len(written(out))

    end = run(nano_base, out, questions(250), max_new_tokens=64)

    assert 0 < kept < 250
    assert (end.asked, end.answered) == (250 - kept, 250)
    assert len(written(out)) == 250


def test_the_evaluator_wants_a_prompt_or_files(
    nano_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in ([], ["red", "--questions", "q", "--answers", "a"], ["--questions", "q"]):
        with pytest.raises(SystemExit) as ended:
            generate([str(nano_base), *wrong])

        assert ended.value.code == 2
        assert "either a prompt, or both" in capsys.readouterr().err

"""Sealed splits of tasks as exams. Nothing is mocked: the exam is a small SST-2 in a folder."""

import json
from pathlib import Path

import pytest

from services.evaluator.exam import open_exam
from shared.contracts.base import ExperimentId, JobId
from shared.contracts.job import JobSpec, MetricName, SealedSplit, sealed_split
from shared.contracts.mapping import Templates
from shared.contracts.score import ScoreRequest
from shared.errors import DataFailed, ScoringFailed
from tests.support.examples import SPEC


def request(data: str, **changed: object) -> ScoreRequest:
    fields: dict[str, object] = {
        "job_id": JobId("j-0a1b2c3d"),
        "experiment": ExperimentId(0),
        "checkpoint": "base",
        "base_model": "base",
        "data": data,
        "data_sha256": None,
        "split": "dev",
        "mapping": Templates(prompt="{prompt}", completion="{completion}"),
        "metric": MetricName.FTBENCH,
        "max_new_tokens": 8,
    }
    return ScoreRequest.model_validate(fields | changed)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "sst2"
    folder.mkdir()
    for name, rows in (("train", 400), ("dev", 40), ("test", 6)):
        lines = [f"film number {name} {number}\t{number % 2}" for number in range(rows)]
        (folder / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")
    return tmp_path


def test_only_the_name_of_a_sealed_split_is_taken_for_one() -> None:
    assert sealed_split("ftbench:sst2/dev") == SealedSplit("sst2", "dev")
    assert sealed_split("ftbench:sst2/train") is None
    assert sealed_split("data/dev.jsonl") is None
    assert sealed_split("ftbench:sst2/dev/../test") is None


@pytest.mark.parametrize(
    ("metric", "dev", "test"),
    [
        ("ftbench", "dev.jsonl", None),
        ("accuracy", "ftbench:sst2/dev", None),
        ("ftbench", "ftbench:sst2/dev", "test.jsonl"),
        ("ftbench", "ftbench:sst2/dev", "ftbench:hoc/test"),
    ],
)
def test_a_job_whose_metric_and_data_do_not_fit_is_refused(
    metric: str, dev: str, test: str | None
) -> None:
    spec = SPEC.model_dump()
    spec["data"] |= {"dev": dev, "test": test}

    with pytest.raises(ValueError, match="metric ftbench goes with dev and test of one task"):
        JobSpec.model_validate(spec | {"metric": metric})


def test_a_sealed_split_is_asked_in_the_tasks_words_and_graded_by_its_metric(data: Path) -> None:
    exam = open_exam(request("ftbench:sst2/test"), data)

    graded = exam.grade(["positive"] * 6)

    assert len(exam.questions) == 6
    assert "positive or negative" in exam.questions[0][-1]["content"]
    assert (graded.value, graded.items) == (0.5, (0.0, 1.0) * 3)
    assert graded.stderr == pytest.approx(0.2236, abs=1e-4)
    assert exam.grade(exam.expected).value == 1.0


def test_a_split_is_the_same_exam_each_time_and_no_other(data: Path) -> None:
    dev, again, test = (
        open_exam(request(f"ftbench:sst2/{split}"), data) for split in ("dev", "dev", "test")
    )

    assert dev.sha256 == again.sha256 != test.sha256


def test_items_that_changed_since_the_base_was_scored_are_refused(data: Path) -> None:
    with pytest.raises(DataFailed, match="found that they changed since"):
        open_exam(request("ftbench:sst2/test", data_sha256="0" * 64), data)


def test_a_task_that_is_not_there_ends_the_scoring_and_not_the_evaluator(data: Path) -> None:
    with pytest.raises(ScoringFailed, match="wanted a task, one of aci_bench"):
        open_exam(request("ftbench:sst3/dev"), data)

    (data / "sst2" / "test.tsv").unlink()
    with pytest.raises(ScoringFailed, match=r"sst2: wanted test\.tsv"):
        open_exam(request("ftbench:sst2/test"), data)


def test_a_split_without_items_is_refused(data: Path) -> None:
    (data / "sst2" / "train.tsv").write_text("sentence\tlabel\nonly one\t1\n")
    (data / "sst2" / "dev.tsv").write_text("sentence\tlabel\nonly one\t1\n")

    with pytest.raises(ScoringFailed, match="found none"):
        open_exam(request("ftbench:sst2/dev"), data)


def rows_of(folder: Path, *completions: str) -> str:
    rows = [{"prompt": f"{n} + 1 =", "completion": text} for n, text in enumerate(completions)]
    (folder / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "dev.jsonl")


def test_what_a_job_brings_to_judge_answers_grades_them(tmp_path: Path) -> None:
    code = "def grade(p, reference, answer): return ((p[0] in answer) + (reference in answer)) / 2"
    data = rows_of(tmp_path, "0 to 1", "1 to 2")

    exam = open_exam(request(data, metric="grader", grader={"code": code, "kind": "python"}), None)
    graded = exam.grade(["from 0 to 1", "1"])

    assert (graded.value, graded.items) == (0.75, (1.0, 0.5))


def test_a_grader_that_finds_right_answers_wrong_grades_none(tmp_path: Path) -> None:
    data = rows_of(tmp_path, '{"sum": 1}', '{"sum": "2"}')
    schema = {"properties": {"sum": {"type": "integer"}}}
    grader = {"kind": "json_schema", "json_schema": schema}

    with pytest.raises(ScoringFailed, match="wanted 1 for the reference of item 2"):
        open_exam(request(data, metric="grader", grader=grader), None)


@pytest.mark.parametrize("split", ["confirm", "test"])
def test_a_grader_cannot_tell_what_it_was_shown_of_other_rows_than_dev(
    tmp_path: Path, split: str
) -> None:
    data = rows_of(tmp_path, "secret")
    spies = [
        "def grade(p, reference, answer): raise ValueError(reference)",
        "def grade(p, reference, answer):\n"
        "    if answer not in ('', reference): raise ValueError(reference)\n"
        "    return float(answer == reference)",
        "import sys\n"
        "def grade(p, reference, answer):\n"
        "    if answer not in ('', reference):\n"
        "        said = '{\"unconfined\": \"' + reference + '\"}\\n'\n"
        "        sys.modules['os'].write(1, said.encode())\n"
        "        sys.modules['os']._exit(0)\n"
        "    return float(answer == reference)",
    ]

    for code in spies:
        asked = request(data, split=split, metric="grader", grader={"code": code, "kind": "python"})
        with pytest.raises(
            ScoringFailed, match=f"row of {split}, found none|can confine"
        ) as failed:
            open_exam(asked, None).grade(["some answer"])
        assert "secret" not in str(failed.value)

import json
from pathlib import Path

import pytest

from shared.contracts.grader import PythonGrader
from shared.errors import Rejected
from trex.jobfile import read_job

JOB = """\
goal: Add
base_model: org/model
data:
  train: train.jsonl
  dev: dev.jsonl
  mapping: {prompt: "{prompt}", completion: "{completion}"}
metric: grader
budget: {experiments: 4}
"""

EXACT = "def grade(prompt, reference, answer):\n    return float(reference == answer)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, number in (("train", 1), ("dev", 2)):
        row = {"prompt": f"{number} + 1 =", "completion": f"so #### {number + 1}"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "grade.py").write_text(EXACT)
    return tmp_path


def job(folder: Path, grader: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(f"{JOB}grader: {grader}\n")
    return path


def test_a_grader_is_read_from_its_file(folder: Path) -> None:
    spec = read_job(job(folder, "{kind: python, file: grade.py}"))

    assert spec.grader == PythonGrader(code=EXACT)


@pytest.mark.parametrize(
    "grader",
    [
        "{kind: regex, pattern: '#### (.*)'}",
        "{kind: judge, model: m, criterion: It is right.}",
    ],
)
def test_graders_without_a_file_are_taken_as_they_are(folder: Path, grader: str) -> None:
    assert read_job(job(folder, grader)).grader is not None


@pytest.mark.parametrize(
    ("grader", "said"),
    [
        (
            "{kind: python, file: other.py}",
            r"grader\.file: wanted Python at .*other\.py, found none",
        ),
        ("{kind: python, code: 'x = 1'}", "wanted a function grade"),
        ("{kind: python, file: grade.py, fast: 1}", r"grader\.python\.fast: no such field"),
        ("{kind: regex, pattern: '('}", "wanted a regular expression, found that missing"),
        (
            "{kind: regex, pattern: '=== (.*)'}",
            "to item 1, found that it finds its pattern nowhere",
        ),
        ("{kind: json_schema, json_schema: {type: 7}}", "has no valid schema"),
        ("{kind: json_schema, json_schema: {}}", "wanted 1 for the reference of item 1, 'so ####"),
    ],
)
def test_a_grader_that_cannot_work_is_said_at_once(folder: Path, grader: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        read_job(job(folder, grader))


def test_a_grader_of_sealed_rows_is_left_to_the_evaluator(folder: Path) -> None:
    path = job(folder, "{kind: regex, pattern: '=== (.*)'}")
    path.write_text(path.read_text().replace("dev.jsonl", f"sealed:{'a' * 64}"))
    told: list[str] = []

    assert read_job(path, say=told.append).grader is not None
    assert told == ["grader: dev is sealed, so it is tried when the base model is scored"]


def test_a_grader_goes_with_its_metric(folder: Path) -> None:
    (folder / "job.yaml").write_text(JOB)

    with pytest.raises(Rejected, match="metric grader goes with a grader"):
        read_job(folder / "job.yaml")

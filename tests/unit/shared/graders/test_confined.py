"""Real processes, really confined: nothing here is mocked."""

import os
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.contracts.grader import JsonSchemaGrader, PythonGrader, RegexGrader
from shared.errors import ScoringFailed
from shared.graders.confined import Patience, Question, confined_grades

ONE = [Question("2+2", "4", "4")]


def python(*lines: str) -> PythonGrader:
    return PythonGrader(code="\n".join(lines))


def test_a_function_of_the_users_grades_every_answer() -> None:
    grader = python(
        "from difflib import SequenceMatcher",
        "def grade(prompt, reference, answer):",
        "    print(prompt)",
        "    return SequenceMatcher(None, reference, answer).ratio()",
    )

    grades = confined_grades(grader, [Question("é\n?", "abcd", one) for one in ("abcd", "ab", "")])

    assert grades == pytest.approx([1.0, 2 / 3, 0.0])


@pytest.mark.parametrize(
    "deed",
    [
        "open('{file}').read()",
        "open('{file}', 'a')",
        "os.listdir('{folder}')",
        "os.stat('{file}')",
        "os.remove('{file}')",
        "open('/proc/{pid}/environ').read()",
        "os.kill({pid}, 0)",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.pipe()",
        "os.mkdir('{file}.d')",
        "os.memfd_create('x')",
    ],
)
def test_code_of_the_users_reaches_neither_files_nor_processes(tmp_path: Path, deed: str) -> None:
    file = tmp_path / "references.jsonl"
    file.write_text("sealed")
    grader = python(
        "import sys",
        "os = sys.modules['os']",
        "def grade(prompt, reference, answer):",
        f"    {deed.format(file=file, folder=tmp_path, pid=os.getpid())}",
        "    return 1",
    )

    with pytest.raises(ScoringFailed, match=r"raised PermissionError"):
        confined_grades(grader, ONE)

    assert file.read_text() == "sealed"


@pytest.mark.parametrize("kind", [1, 2, 3], ids=["TCP", "UDP", "raw"])
def test_code_of_the_users_has_no_network(kind: int) -> None:
    # Asked of the C library, past all that Python would refuse.
    grader = python(
        "import ctypes",
        "library = ctypes.CDLL(None, use_errno=True)",
        "def grade(prompt, reference, answer):",
        f"    raise ValueError(library.socket(2, {kind}, 0), ctypes.get_errno())",
    )

    with pytest.raises(ScoringFailed, match=r"raised ValueError: \(-1, 1\)"):
        confined_grades(grader, ONE)


def test_code_of_the_users_sees_no_variable_of_the_evaluators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TREX_JUDGE_KEY", "secret")
    grader = python(
        "import sys",
        "def grade(prompt, reference, answer):",
        "    return float('TREX_JUDGE_KEY' not in sys.modules['os'].environ)",
    )

    assert confined_grades(grader, ONE) == [1.0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 7", "returned 7"),
        ("return -0.1", r"returned -0\.1"),
        ("return float('nan')", "returned nan"),
        ("return 'good'", "returned 'good'"),
        ("return None", "returned None"),
        ("return 1 / (answer != '5')", "raised ZeroDivisionError"),
        ("return len('x' * (1 << 31))", "raised MemoryError"),
        ("raise SystemExit", "raised SystemExit"),
        ("import numpy; return 1", "No module named 'numpy'"),
        ("import sys; sys.modules['os'].write(1, b'1\\n'); return 1", r"said b'1\\n'"),
        ("import sys; sys.modules['os'].write(1, b'1' * 9999); return 1", "said b'111"),
        ("import sys; sys.modules['os'].write(1, b'[' * 1099); return 1", r"said b'\[\[\["),
        ("import sys; sys.modules['os']._exit(3)", "ended with status 3"),
    ],
)
def test_what_is_no_grade_is_said_with_the_item(body: str, said: str) -> None:
    grader = python("def grade(prompt, reference, answer):", f"    {body}")
    questions = ONE if "answer" not in body else [*ONE, Question("2+3", "5", "5")]

    with pytest.raises(ScoringFailed, match=said) as failed:
        confined_grades(grader, questions)

    assert f"to item {len(questions)}, found" in str(failed.value)


@pytest.mark.parametrize(
    "grader",
    [
        python("def grade(prompt, reference, answer):", "    while True: pass"),
        python("import time", "def grade(prompt, reference, answer): time.sleep(9)"),
        RegexGrader(pattern="(a+)+$"),
    ],
    ids=["busy", "idle", "a pattern that tries too much"],
)
def test_what_takes_too_long_is_ended(grader: PythonGrader | RegexGrader) -> None:
    started = time.monotonic()

    with pytest.raises(ScoringFailed, match="to item 1, found that it was not done after 1 s"):
        confined_grades(grader, [Question("", "a", "a" * 40 + "b")], Patience(1.0, 0.0))

    assert time.monotonic() - started < 5.0


def test_a_patterns_last_place_counts_and_its_group_is_compared() -> None:
    grader = RegexGrader(pattern=r"####( *-?\d+)")
    answers = ["so 3 #### 3 no #### 4", "#### 4 #### 3", "4", "", "####4 "]

    grades = confined_grades(grader, [Question("", "2+2\n#### 4", one) for one in answers])

    assert grades == [1.0, 0.0, 0.0, 0.0, 1.0]


def test_a_reference_without_the_pattern_is_no_silent_zero() -> None:
    with pytest.raises(ScoringFailed, match="finds its pattern nowhere in the reference '4'"):
        confined_grades(RegexGrader(pattern="#### (.*)"), ONE)


def test_an_answer_must_be_json_that_the_schema_allows() -> None:
    grader = JsonSchemaGrader(
        json_schema={"properties": {"n": {"type": "number"}}, "required": ["n"]}
    )
    answers = ['{"n": 2}', '{"n": "2"}', "{}", '{"n": 2', '{"n": NaN}', "[" * 9999, ""]

    grades = confined_grades(grader, [Question("", '{"n": 1}', one) for one in answers])

    assert grades == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_with_same_it_must_also_say_what_the_reference_says() -> None:
    grader = JsonSchemaGrader(json_schema={"type": "object"}, same=True)
    answers = ['{"b": [1.0], "a": 0}', '{"a": 0, "b": [2]}', '{"a": false, "b": [1]}']

    grades = confined_grades(grader, [Question("", '{"a": 0, "b": [1]}', one) for one in answers])

    assert grades == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "has no valid schema: 'objekt' is not valid"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "Unresolvable: http://127"),
    ],
)
def test_a_schema_that_cannot_be_used_is_said(schema: dict[str, object], said: str) -> None:
    with pytest.raises(ScoringFailed, match=said):
        confined_grades(JsonSchemaGrader(json_schema=schema), [Question("", "{}", "{}")])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"code": "def grade(:"}, "wanted Python, found invalid syntax in line 1"),
        ({"code": "def grades(): ..."}, "wanted a function grade"),
        ({"code": "x\0"}, "wanted Python, found"),
        ({"code": "-" * 90_000 + "1"}, "wanted Python, found"),
    ],
)
def test_code_that_cannot_grade_is_refused_where_it_is_read(
    fields: dict[str, str], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        PythonGrader.model_validate(fields)


def test_a_pattern_that_is_none_is_refused_where_it_is_read() -> None:
    with pytest.raises(ValidationError, match="wanted a regular expression, found that missing"):
        RegexGrader(pattern="(")

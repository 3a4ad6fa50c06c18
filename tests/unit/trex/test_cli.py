import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shared.contracts.mapping import Templates
from tests.support.examples import BRIEF
from tests.unit.trex.canned_system import JOB, TOKEN, CannedSystem, job
from trex.cli import app

ROWS = "".join(f'{{"text": "row {n}", "iso": "2021-01-{n + 10}"}}\n' for n in range(10))
JOB_FILE = """\
goal: Write dates as ISO 8601
base_model: org/model
data: {train: train.jsonl, dev: dev.jsonl, mapping: {prompt: "{text}", completion: "{iso}"}}
metric: exact_match
budget: {experiments: 4}
"""


@pytest.fixture
def system() -> Iterator[CannedSystem]:
    with CannedSystem() as system:
        yield system


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text(ROWS)
    (tmp_path / "dev.jsonl").write_text(ROWS)
    (tmp_path / "job.yaml").write_text(JOB_FILE)
    return tmp_path / "job.yaml"


def trex(system: CannedSystem | None, *words: str | Path, home: Path = Path("/nowhere")) -> Result:
    where = {"TREX_HOME": str(home), "TREX_URL": None, "TREX_TOKEN": None}
    if system is not None:
        where |= {"TREX_URL": system.address.url, "TREX_TOKEN": TOKEN}
    return CliRunner(env=where).invoke(app, [str(word) for word in words])


def test_submitting_prints_the_id_alone_to_stdout(system: CannedSystem, job_file: Path) -> None:
    done = trex(system, "submit", job_file)

    assert (done.exit_code, done.stdout) == (0, f"{JOB}\n")
    assert "trex watch j-1" in done.stderr
    assert len(system.submitted) == 1


def test_a_mapping_that_was_found_is_said_before_the_job_is_handed_over(
    system: CannedSystem, job_file: Path
) -> None:
    rows = job_file.with_name("train.jsonl").read_text().replace('"iso"', '"answer"')
    job_file.with_name("train.jsonl").write_text(rows)
    job_file.with_name("dev.jsonl").write_text(rows)
    job_file.write_text(JOB_FILE.replace(', mapping: {prompt: "{text}", completion: "{iso}"}', ""))

    done = trex(system, "submit", job_file)

    assert done.stderr.startswith(
        "data.mapping is not given; by the columns of train.jsonl it is "
        "{prompt: '{text}', completion: '{answer}'}\n"
    )
    (submitted,) = system.submitted
    assert submitted.data.mapping == Templates(prompt="{text}", completion="{answer}")


def test_a_bad_job_file_is_one_line_and_status_2(system: CannedSystem, job_file: Path) -> None:
    job_file.write_text(JOB_FILE.replace("metric", "metrik"))

    done = trex(system, "submit", job_file)

    assert done.exit_code == 2
    assert done.stderr == f"trex: {job_file}: metrik is no field of a job; write metric\n"
    assert system.submitted == []


def test_no_system_is_one_line_and_status_75(job_file: Path) -> None:
    done = trex(None, "submit", job_file)

    assert done.exit_code == 75
    assert done.stderr.startswith("trex: no system runs in /nowhere; start it with `trex up`")
    assert done.stderr.count("\n") == 1


def test_a_misspelt_variable_is_status_2() -> None:
    done = CliRunner(env={"TREX_HOEM": "x"}).invoke(app, ["jobs"])

    assert done.exit_code == 2
    assert "nothing reads TREX_HOEM" in done.stderr


@pytest.mark.parametrize("command", [["jobs"], ["tree"], ["brief"], ["report"], ["show", "1"]])
def test_data_can_be_had_as_json(system: CannedSystem, command: list[str]) -> None:
    done = trex(system, *command, "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)
    assert done.stderr == ""


def test_the_newest_job_is_meant_unless_one_is_named(system: CannedSystem) -> None:
    trex(system, "tree")
    trex(system, "tree", "j-2")

    assert system.asked == [
        ("GET", "/v1/jobs"),
        ("GET", "/v1/jobs/j-1/tree"),
        ("GET", "/v1/jobs/j-2/tree"),
    ]


def test_jobs_and_trees_are_drawn(system: CannedSystem) -> None:
    assert "j-1" in trex(system, "jobs").stdout
    assert "★ #1" in trex(system, "tree").stdout


def test_an_experiment_is_shown_with_what_is_wrong_with_its_answers(system: CannedSystem) -> None:
    shown = trex(system, "show", "1").stdout

    assert shown.startswith("#1 0.912")
    assert "7 cut before they ended" in shown
    assert all(text in shown for text in ("3 May", "05-03", "The third of"))
    assert "March for May: 3 times" in shown


def test_without_a_job_the_list_says_what_to_do(system: CannedSystem) -> None:
    system.jobs = []

    done = trex(system, "jobs")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "trex submit" in done.stderr


def test_a_report_is_markdown(system: CannedSystem) -> None:
    assert trex(system, "report").stdout == "# Report\n\nIt worked.\n"


def test_a_brief_is_its_document_and_without_one_its_summary(system: CannedSystem) -> None:
    summary = trex(system, "brief").stdout
    system.brief = BRIEF.model_copy(update={"document": "# The brief\n\nOf dates."})
    document = trex(system, "brief").stdout

    assert summary == f"{BRIEF.summary}\n"
    assert document == "# The brief\n\nOf dates.\n"


def test_cancelling_says_where_the_job_stands(system: CannedSystem) -> None:
    done = trex(system, "cancel")

    assert done.exit_code == 0
    assert done.stderr == "j-1 is finishing: the budget is used\n"


def test_a_run_ends_with_the_report_and_how_to_try_it(system: CannedSystem, job_file: Path) -> None:
    done = trex(system, "run", job_file)

    assert done.exit_code == 0
    assert done.stdout == "# Report\n\nIt worked.\n"
    assert "#1 trained: 40 steps" in done.stderr
    assert done.stderr.splitlines()[-1] == 'try it: trex generate /c/run-1 "{text}"'


def test_a_run_uses_the_system_that_is_up_in_the_home(
    system: CannedSystem, job_file: Path, tmp_path: Path
) -> None:
    connection = {"url": system.address.url, "token": TOKEN}
    (tmp_path / "connection.json").write_text(json.dumps(connection))

    done = trex(None, "run", job_file, home=tmp_path)

    assert done.exit_code == 0
    assert len(system.submitted) == 1


@pytest.mark.parametrize("command", ["run", "watch"])
def test_a_failed_job_is_status_1(system: CannedSystem, job_file: Path, command: str) -> None:
    system.jobs = [job("failed", sentence="no experiment could be carried out")]

    done = trex(system, command, job_file if command == "run" else JOB)

    assert done.exit_code == 1
    assert done.stderr.endswith("trex: j-1 failed: no experiment could be carried out\n")


def test_init_writes_a_job_that_can_be_submitted(system: CannedSystem, tmp_path: Path) -> None:
    data, out = tmp_path / "dates.jsonl", tmp_path / "dates.yaml"
    data.write_text(ROWS)

    drafted = trex(None, "init", data, "--completion", "{iso}", "--out", out)
    submitted = trex(system, "submit", out)

    assert drafted.exit_code == 0
    assert drafted.stdout == f"{out}\n"
    assert "row 4" in drafted.stderr
    assert "rows: 7 train, 1 dev, 1 confirm, 1 test" in drafted.stderr
    assert submitted.exit_code == 0


def test_generate_passes_on_the_status_of_its_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "services" / "evaluator" / "generate.py"
    module.parent.mkdir(parents=True)
    wanted = ["/c", "3. März 2021", "--max-new-tokens", "7"]
    module.write_text(f"import sys\nsys.exit(7 if sys.argv[1:] == {wanted} else 1)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")

    done = trex(None, "generate", "/c", "3. März 2021", "--max-new-tokens", "7")

    assert done.exit_code == 7


def test_the_doctor_speaks_json_too(tmp_path: Path) -> None:
    found = json.loads(trex(None, "doctor", "--json", home=tmp_path).stdout)

    assert {"what", "verdict", "sentence"} == set(found[0])


def test_the_command_starts_without_its_heavy_parts() -> None:
    heavy = "'httpx', 'pydantic', 'yaml', 'shared.contracts'"
    code = f"import sys, trex.cli; print([name for name in ({heavy}) if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_play_that_the_fake_language_model_does_not_know_is_answered_with_all() -> None:
    done = trex(None, "fake-llm", "--play", "tragedy")

    assert done.exit_code == 2
    assert "wanted a play of valid, truncated" in done.stderr


def test_a_fake_language_model_says_how_to_ask_it() -> None:
    command = [sys.executable, "-m", "trex", "fake-llm", "--port", "0", "--play", "500"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as fake:
        assert fake.stderr is not None
        said = fake.stderr.readline()
        fake.terminate()

    assert said.startswith("OPENAI_BASE_URL=http://127.0.0.1:")
    assert "/v1 TREX_RESEARCHER_MODEL=fake; stop it with Ctrl-C" in said
    assert fake.returncode == 128 + 15

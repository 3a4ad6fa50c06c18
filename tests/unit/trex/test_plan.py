"""From a draft to an approved job on the command line."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shared.contracts.counsel import Counsel
from shared.contracts.grader import RegexGrader
from shared.contracts.job import MetricName
from shared.contracts.mapping import Templates
from shared.contracts.plan import Choice
from shared.errors import Rejected
from tests.support.examples import PLAN
from tests.unit.trex.canned_system import CannedSystem, plan
from tests.unit.trex.test_cli import trex
from trex.draftfile import read_draft
from trex.jobfile import read_job

DRAFT = """\
goal: Write dates as ISO 8601
data: {train: train.jsonl, mapping: {prompt: "{text}", completion: "{iso}"}}
budget: {experiments: 4}
seed: 3
"""
CHOICES = (
    Choice(field="metric", value="exact_match", reason="the answers are short"),
    Choice(field="base_model", value="org/model", reason="the machines\nhold it"),
    Choice(field="dev", value="0.2", reason="20 rows"),
    Choice(field="confirm", value="0.1", reason="10 rows"),
    Choice(field="test", value="0.1", reason="10 rows"),
)


@pytest.fixture
def system() -> Iterator[CannedSystem]:
    with CannedSystem() as system:
        system.planned = plan(plan=PLAN.model_copy(update={"choices": CHOICES}))
        yield system


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    rows = ({"text": f"row {n}", "iso": f"2021-{n}"} for n in range(100))
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "dates.yaml").write_text(DRAFT)
    return tmp_path / "dates.yaml"


def rows_in(path: str) -> set[str]:
    return set(Path(path).read_text().splitlines())


def test_what_is_left_open_is_handed_over_as_open(system: CannedSystem, draft: Path) -> None:
    trex(system, "plan", draft)

    (drafted,) = system.drafted
    assert drafted.train == str(draft.with_name("train.jsonl"))
    assert drafted.mapping == Templates(prompt="{text}", completion="{iso}")
    assert (drafted.metric, drafted.base_model, drafted.dev, drafted.seed) == (None, None, None, 3)


def test_a_plan_is_shown_with_reasons_and_costs_and_begins_nothing_by_itself(
    system: CannedSystem, draft: Path
) -> None:
    done = trex(system, "plan", draft)

    assert (done.exit_code, done.stdout) == (0, "j-1\n")
    shown = " ".join(done.stderr.split())
    for said in (
        "task rewriting",
        "answers one date as YYYY-MM-DD",
        "risk few rows",
        "missing how a year of two digits is meant",
        "the answers are short",
        "0.2 of the training rows",
        "at most 4 full runs, 10:00 min of training; about 40 s of it expected; 9,000 tokens",
    ):
        assert said in shown
    assert f"trex approve j-1 --out {draft.with_name('dates-job.yaml')}" in shown
    assert system.approved == []
    assert not draft.with_name("dates-job.yaml").exists()


def test_an_approved_plan_cuts_the_rows_and_writes_the_whole_job(
    system: CannedSystem, draft: Path
) -> None:
    done = trex(system, "plan", draft, "--yes")

    assert done.exit_code == 0, done.stderr
    out = draft.with_name("dates-job.yaml")
    spec = read_job(out)
    assert system.approved == [spec]
    assert (spec.metric, spec.base_model, spec.seed) == ("exact_match", "org/model", 3)
    files = {split: rows_in(path) for split, path in spec.data.files().items()}
    assert {split: len(rows) for split, rows in files.items()} == {
        "train": 60,
        "dev": 20,
        "confirm": 10,
        "test": 10,
    }
    assert set.union(*files.values()) == rows_in(str(draft.with_name("train.jsonl")))
    assert "rows: 60 train, 20 dev, 10 confirm, 10 test" in done.stderr


def test_the_job_file_says_why_and_names_files_beside_it(system: CannedSystem, draft: Path) -> None:
    trex(system, "plan", draft, "--yes")

    text = draft.with_name("dates-job.yaml").read_text()
    assert "# metric: the answers are short\n# base_model: the machines hold it\n" in text
    assert yaml.safe_load(text)["data"]["dev"] == "dates-job-split/dev.jsonl"


def test_rows_to_score_on_are_sealed_when_a_plan_is_approved(
    system: CannedSystem, draft: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    connection = {"url": system.address.url, "token": system.address.token}
    (home / "connection.json").write_text(json.dumps(connection))

    done = trex(None, "plan", draft, "--yes", home=home)

    assert done.exit_code == 0, done.stderr
    (spec,) = system.approved
    named = spec.data.files()
    assert named.pop("train").endswith("dates-job-split/train.jsonl")
    assert all(name.startswith("sealed:") for name in named.values())


def test_a_person_is_asked_and_may_say_no(system: CannedSystem, draft: Path) -> None:
    refused = at_a_terminal(system, draft, b"n\n")
    agreed = at_a_terminal(system, draft, b"y\n")

    assert "nothing has begun" in refused
    assert "has begun" in agreed
    assert len(system.approved) == 1


def test_approving_shows_the_plan_and_begins_nothing_unless_told(
    system: CannedSystem, draft: Path, tmp_path: Path
) -> None:
    trex(system, "plan", draft)
    out = tmp_path / "out.yaml"

    done = trex(system, "approve", "j-1", "--out", out)

    assert done.exit_code == 0
    assert "the answers are short" in done.stderr
    assert done.stderr.endswith("nothing has begun; with --yes it begins without asking\n")
    assert system.approved == []
    assert not out.exists()


def at_a_terminal(system: CannedSystem, draft: Path, types: bytes) -> str:
    """Run ``trex plan`` for somebody who types that, and return what they see."""
    ours, theirs = pty.openpty()
    where = {"TREX_URL": system.address.url, "TREX_TOKEN": str(system.address.token)}
    with os.fdopen(theirs, "rb") as stdin:
        os.write(ours, types)
        done = subprocess.run(
            [sys.executable, "-m", "trex", "plan", str(draft)],
            stdin=stdin,
            capture_output=True,
            env=os.environ | where,
            check=True,
        )
    os.close(ours)
    return done.stderr.decode()


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (["metric=rouge1"], {"metric": "rouge1"}),
        (["base_model=org/other", "metric=accuracy"], {"base_model": "org/other"}),
        (['grader={"kind": "regex", "pattern": ".+"}'], {"metric": "grader"}),
    ],
)
def test_choices_can_be_changed_when_a_plan_is_approved(
    system: CannedSystem,
    draft: Path,
    tmp_path: Path,
    settings: list[str],
    wanted: dict[str, str],
) -> None:
    rows = draft.with_name("train.jsonl")
    if "metric=accuracy" in settings:
        lines = ({"text": f"row {n}", "iso": "good" if n % 2 else "bad"} for n in range(100))
        rows.write_text("".join(json.dumps(row) + "\n" for row in lines))
    trex(system, "plan", draft)
    out = tmp_path / "jobs" / "mine.yaml"

    changes = [word for setting in settings for word in ("--set", setting)]
    done = trex(system, "approve", "j-1", "--yes", *changes, "--out", out)

    assert done.exit_code == 0, done.stderr
    (spec,) = system.approved
    assert {field: getattr(spec, field) for field in wanted} == wanted
    assert spec == read_job(out)
    assert Path(spec.data.dev).parent == out.with_name("mine-split")


def test_a_grader_that_was_proposed_goes_with_the_metric_it_was_proposed_for(
    system: CannedSystem, draft: Path, tmp_path: Path
) -> None:
    grader = Choice(field="grader", value='{"kind": "regex", "pattern": ".+"}', reason="any")
    metric = CHOICES[0].model_copy(update={"value": "grader"})
    choices = (metric, grader, *CHOICES[1:])
    system.planned = plan(plan=PLAN.model_copy(update={"choices": choices}))
    trex(system, "plan", draft, "--yes")

    out = tmp_path / "out.yaml"
    trex(system, "approve", "j-1", "--yes", "--set", "metric=rouge1", "--out", out)

    proposed, changed = system.approved
    assert proposed.grader == RegexGrader(pattern=".+")
    assert (changed.metric, changed.grader) == ("rouge1", None)


def test_a_share_of_ones_own_is_cut(system: CannedSystem, draft: Path, tmp_path: Path) -> None:
    trex(system, "plan", draft)

    done = trex(system, "approve", "j-1", "--yes", "--set", "dev=0.5", "--out", tmp_path / "o.yaml")

    assert "rows: 30 train, 50 dev, 10 confirm, 10 test" in done.stderr


@pytest.mark.parametrize("name", ["org/model", "{here}/org/model"])
def test_a_base_model_that_was_proposed_is_never_a_folder_at_hand(
    system: CannedSystem, draft: Path, name: str
) -> None:
    (draft.parent / "org" / "model").mkdir(parents=True)
    base = CHOICES[1].model_copy(update={"value": name.format(here=draft.parent)})
    choices = (CHOICES[0], base, *CHOICES[2:])
    system.planned = plan(plan=PLAN.model_copy(update={"choices": choices}))

    done = trex(system, "plan", draft, "--yes")

    assert done.exit_code == 2
    assert "of the hub, found a folder of that name beside" in done.stderr
    assert system.approved == []


def test_a_folder_elsewhere_is_not_taken_for_the_base_model_that_was_proposed(
    system: CannedSystem, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")

    done = trex(system, "plan", draft, "--yes")

    assert done.exit_code == 0, done.stderr
    assert system.approved[0].base_model == "org/model"


def test_what_the_draft_named_is_kept(system: CannedSystem, draft: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"text": "my row", "iso": "1"}\n')
    grader = "metric: grader\ngrader: {kind: regex, pattern: '.+'}\nbase_model: my/model\n"
    draft.write_text(DRAFT.replace("train.jsonl,", "train.jsonl, test: mine.jsonl,") + grader)
    system.planned = plan(plan=PLAN.model_copy(update={"choices": CHOICES[2:4]}))

    done = trex(system, "plan", draft, "--yes")

    assert done.exit_code == 0, done.stderr
    (spec,) = system.approved
    assert (spec.metric, spec.base_model) == (MetricName.GRADER, "my/model")
    assert spec.grader == RegexGrader(pattern=".+")
    assert spec.data.test == str(tmp_path / "mine.jsonl")
    assert "rows: 70 train, 20 dev, 10 confirm, in" in done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("metric", "--set: wanted FIELD=VALUE with one of metric, grader, base_model, dev"),
        ("seed=3", "--set: wanted FIELD=VALUE"),
        ("dev=mine.jsonl", "dev: wanted the share of the training rows to set aside"),
        ("dev=1.5", "dev: wanted the share of the training rows to set aside"),
        ("dev=0.8", "wanted at most 0.9 of the rows set aside, found 1 for dev, confirm, test"),
        ("grader=[0-9]", "grader: wanted a grader as JSON"),
        ("metric=bleu", "metric: Input should be 'exact_match'"),
        ("metric=accuracy", "metric: accuracy wanted a few labels to tell apart"),
        ("base_model=no such model", "base_model: wanted an existing folder or a hub id"),
    ],
)
def test_a_change_that_cannot_work_is_one_line_and_begins_nothing(
    system: CannedSystem, draft: Path, tmp_path: Path, settings: str, said: str
) -> None:
    trex(system, "plan", draft)
    out = tmp_path / "out.yaml"

    done = trex(system, "approve", "j-1", "--yes", "--set", settings, "--out", out)

    assert done.exit_code == 2
    assert said in done.stderr.splitlines()[-1]
    assert system.approved == []
    assert not out.exists()


@pytest.mark.parametrize("state", ["planning", "searching", "cancelled"])
def test_only_a_plan_that_waits_can_be_approved(
    system: CannedSystem, draft: Path, tmp_path: Path, state: str
) -> None:
    system.planned = plan(state)  # type: ignore[arg-type]

    done = trex(system, "approve", "j-1", "--out", tmp_path / "out.yaml")

    assert done.exit_code == 2
    assert f"wanted a plan that waits for approval, found j-1 {state}" in done.stderr


def test_a_job_file_that_is_there_is_not_replaced_unless_told(
    system: CannedSystem, draft: Path
) -> None:
    out = draft.with_name("dates-job.yaml")
    out.write_text("mine")

    refused = trex(system, "plan", draft, "--yes")
    assert (refused.exit_code, system.drafted) == (2, [])
    assert "--force" in refused.stderr

    done = trex(system, "plan", draft, "--yes", "--force")
    assert done.exit_code == 0
    assert read_job(out).metric == "exact_match"


def test_a_draft_that_could_not_be_planned_is_status_1(system: CannedSystem, draft: Path) -> None:
    system.planned = plan("failed", plan=None)

    done = trex(system, "plan", draft, "--yes")

    assert done.exit_code == 1
    assert "trex: j-1 failed" in done.stderr
    assert system.approved == []


def test_a_plan_says_when_rules_stood_in_for_the_language_model(
    system: CannedSystem, draft: Path
) -> None:
    counsel = Counsel(model="qwen", fallback="the model was away")
    system.planned = plan(plan=PLAN.model_copy(update={"counsel": counsel}))

    shown = trex(system, "plan", draft).stderr

    assert "qwen" in shown
    assert "the model was away" in shown


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("goal", "gaol", "gaol is no field of a job; write goal"),
        ("train: train.jsonl", "train: none.jsonl", "none.jsonl"),
        ("train: train.jsonl, ", "", "data.train: is required and missing"),
        ("budget: {experiments: 4}\n", "", "budget: is required and missing"),
        ("seed: 3", "metric: ftbench", "submit it as a job"),
        ("seed: 3", "base_model: no such", "base_model: wanted an existing folder"),
        ("{iso}", "{date}", "date"),
    ],
)
def test_a_draft_that_cannot_work_is_refused_in_a_sentence(
    draft: Path, old: str, new: str, said: str
) -> None:
    assert old in DRAFT
    draft.write_text(DRAFT.replace(old, new))

    with pytest.raises(Rejected, match=said):
        read_draft(draft)

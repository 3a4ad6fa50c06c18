import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ftbench.cli import app
from ftbench.results import read_result, write_result
from ftbench.sources import files_of
from ftbench.task import Split
from ftbench.tasks import NAMES, fixture_of, get_task
from shared.fingerprint import Fingerprint
from tests.support.benchmark import fixture_items
from tests.support.results import toy_result

TEST = [item for item in fixture_items("sst2") if item.published]


def ftbench(*words: str | Path, data: str | None = None) -> Result:
    return CliRunner(env={"FTBENCH_DATA": data}).invoke(app, [str(word) for word in words])


def answers(path: Path, changes: dict[str, Any] | None = None, task: str = "sst2") -> Path:
    """Write the published answers of a fixture as predictions, but for some changes."""
    told = {item.id: item.answer for item in fixture_items(task) if item.published}
    rows = [{"id": id, "prediction": text} for id, text in (told | (changes or {})).items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """Return predictions of which one of six is wrong."""
    return answers(tmp_path / "said.jsonl", {"test/0": "negative"})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data folder with films of our own."""
    folder = tmp_path / "data" / "sst2"
    folder.mkdir(parents=True)
    for name, label in (("train", 1), ("dev", 0), ("test", 1)):
        rows = [f"the {n}. film of {name}\t{label}\n" for n in range(40)]
        (folder / f"{name}.tsv").write_text("sentence\tlabel\n" + "".join(rows))
    return folder.parent


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch nothing, and leave the user's cache alone."""
    import datasets

    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path / "downloads")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def test_list_names_the_ten() -> None:
    table, listed = ftbench("list"), ftbench("list", "--json")

    assert (table.exit_code, listed.exit_code) == (0, 0)
    assert [task["task"] for task in json.loads(listed.stdout)] == list(NAMES)
    assert all(name in table.stdout for name in NAMES)
    assert "{" not in table.stdout


@pytest.mark.parametrize("task", NAMES)
def test_every_task_has_a_page(task: str) -> None:
    done = ftbench("show", task, "--fixture")

    assert (done.exit_code, done.stdout.partition(":")[0]) == (0, task)
    assert "published test set" in done.stdout


def test_show_says_all_about_a_task() -> None:
    done = ftbench("show", "sst2", "--fixture")

    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "sst2: SST-2"
    assert "  metrics     accuracy" in lines
    assert "  TREX        97.2" in lines
    assert "  splits      train 9, dev 1, confirm 0, test 6; published test set 6" in lines
    assert "A made-up item, test/5:" in lines
    assert lines[-1] == "  answer: negative"


def test_show_lists_published_scores_of_models() -> None:
    done = ftbench("show", "cs_bench", "--fixture")

    assert "   72.3       GPT-4o, all formats" in done.stdout.splitlines()


@pytest.mark.usefixtures("offline")
def test_show_needs_no_data() -> None:
    done = ftbench("show", "cs_bench")

    assert done.exit_code == 0
    assert "splits" not in done.stdout
    assert "A made-up item" in done.stdout
    assert done.stderr.startswith("ftbench: cs_bench: wanted CSBench-EN/valid.json, found that")


def test_show_never_shows_a_real_item(data: Path) -> None:
    done = ftbench("show", "sst2", data=str(data))

    assert "published test set 40" in done.stdout
    assert "film of test" not in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["show", "sst3"],
        ["export", "sst3"],
        ["fingerprint", "sst3"],
        ["score", "answers.jsonl", "--task", "sst3"],
    ],
)
def test_a_task_that_there_is_not_is_status_2(words: list[str]) -> None:
    done = ftbench(*words)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("ftbench: wanted a task, one of aci_bench, ")
    assert done.stderr.endswith("; found 'sst3'\n")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("words", [["score", "said.jsonl", "--task"], ["export"], ["fingerprint"]])
def test_data_that_cannot_be_fetched_are_one_line_and_status_75(words: list[str]) -> None:
    done = ftbench(*words, "cs_bench")

    assert (done.exit_code, done.stdout) == (75, "")
    assert done.stderr.startswith("ftbench: cs_bench: wanted CSBench-EN/valid.json, found that")
    assert done.stderr.count("\n") == 1


def test_a_data_folder_that_does_not_exist_is_status_2(tmp_path: Path) -> None:
    for done in (
        ftbench("export", "sst2", "--data-dir", tmp_path / "daat"),
        ftbench("export", "sst2", data=str(tmp_path / "daat")),
    ):
        assert done.exit_code == 2
        assert f"found none at {tmp_path}/daat; check --data-dir or FTBENCH_DATA" in done.stderr


def test_damaged_data_are_status_1(data: Path) -> None:
    (data / "sst2" / "dev.tsv").write_text("sentence\tlabel\nfine\t7\n")

    done = ftbench("export", "sst2", "--data-dir", data)

    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{data}/sst2/dev.tsv line 2: wanted a sentence and a label 0 or 1" in done.stderr


def test_export_prints_what_may_be_trained_on() -> None:
    done = ftbench("export", "sst2", "--fixture")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    train = [item for item in fixture_items("sst2") if item.split is Split.TRAIN]
    assert (done.exit_code, done.stderr) == (0, "")
    assert [row["messages"][-1]["content"] for row in rows] == [item.answer for item in train]


def test_export_writes_a_file_and_says_so(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "rows.jsonl"

    done = ftbench("export", "sst2", "--data-dir", data, "--type", "text", "--out", out)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"{len(rows)} rows of sst2 written to {out}\n"
    assert 70 < len(rows) <= 80
    assert set(rows[0]) == {"prompt", "completion"}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("split", ["dev", "confirm", "test"])
def test_a_sealed_split_is_refused_before_anything_is_fetched(split: str) -> None:
    done = ftbench("export", "cs_bench", "--split", split)

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"found {split}, which is sealed" in done.stderr


def test_a_task_without_training_split_exports_nothing(tmp_path: Path) -> None:
    done = ftbench("export", "cs_bench", "--fixture", "--out", tmp_path / "rows.jsonl")

    assert done.exit_code == 2
    assert "cs_bench: wanted a training split, found none" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_score_prints_metrics_baselines_and_what_the_answers_look_like(said: Path) -> None:
    done = ftbench("score", said, "--task", "sst2", "--fixture", "--model", "m-1")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "SST-2 of m-1, published, 6 items, times 100",
        "  accuracy                       83.33 ± 16.67",
        "no skill scores, accuracy:",
        "  always positive                50.00",
        "  always negative                50.00",
        "answers: 33% distinct, 0% empty, 8 characters by the median, 8 at most",
        "note: the records are made up",
    ]


def test_score_as_json_is_a_result_and_nothing_else(tmp_path: Path, said: Path) -> None:
    words = ["score", str(said), "--task", "sst2", "--fixture"]

    done = ftbench(*words, "--json", "--out", tmp_path / "result.json")

    (tmp_path / "printed.json").write_text(done.stdout)
    result = read_result(tmp_path / "printed.json")
    assert result == read_result(tmp_path / "result.json")
    assert (result.headline.value, result.split, result.model) == (5 / 6, "published", None)
    assert not result.strict


def test_score_writes_what_each_item_earned(tmp_path: Path, said: Path) -> None:
    out = tmp_path / "items.jsonl"

    ftbench("score", said, "--task", "sst2", "--fixture", "--items", out)

    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {"id": item.id, "value": float(item.id != "test/0"), "parsed": parsed}
        for item, parsed in zip(
            TEST, ["negative", *(item.answer for item in TEST[1:])], strict=True
        )
    ]


def test_score_judges_strictly_when_asked(tmp_path: Path) -> None:
    said = answers(tmp_path / "said.jsonl", task="cs_bench")
    words = ["score", str(said), "--task", "cs_bench", "--fixture", "--json"]

    default, strict = (json.loads(ftbench(*words, *more).stdout) for more in ([], ["--strict"]))

    # The published scorer compares verdicts of different case, so that none is ever right.
    assert default["scores"]["assertion"]["value"] == 1.0
    assert strict["scores"]["assertion"]["value"] == 0.0
    assert (default["strict"], strict["strict"]) == (False, True)


def test_score_takes_a_split(tmp_path: Path, data: Path) -> None:
    said = tmp_path / "said.jsonl"
    rows = [f'{{"id": "phrase/{n}", "prediction": "positive"}}\n' for n in range(80)]
    said.write_text("".join(rows))

    done = ftbench(
        "score", said, "--task", "sst2", "--split", "train", "--data-dir", data, "--json"
    )

    result = json.loads(done.stdout)
    assert result["split"] == "train"
    assert result["n"] + int(result["notes"][0].split()[0]) == 80
    assert result["notes"][0].endswith(
        "predictions are for items outside the split, and are left out"
    )


def test_what_is_said_of_the_data_is_said_with_the_score(tmp_path: Path) -> None:
    for part in ("text", "labels"):
        shutil.copytree(fixture_of("hoc") / part, tmp_path / "data" / "hoc" / part)
    task = get_task("hoc")
    items = task.load(files_of("hoc", task.source, tmp_path / "data")).items
    said = tmp_path / "said.jsonl"
    rows = [{"id": item.id, "prediction": item.answer} for item in items if item.published]
    said.write_text("\n".join(map(json.dumps, rows)))

    done = ftbench("score", said, "--task", "hoc", "--data-dir", tmp_path / "data", "--json")

    [note] = json.loads(done.stdout)["notes"]
    assert "without the index files of BLURB" in note
    assert "without the index files of BLURB" in done.stderr


def test_a_missing_answer_is_status_2_unless_it_counts_as_wrong(said: Path) -> None:
    said.write_text("".join(said.read_text().splitlines(keepends=True)[:5]))
    words = ["score", str(said), "--task", "sst2", "--fixture"]

    refused, counted = ftbench(*words), ftbench(*words, "--missing-as-wrong")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "found 1 missing, 'test/5'; add them, or count them as wrong" in refused.stderr
    assert counted.exit_code == 0
    assert "  accuracy                       66.67 ± 21.08" in counted.stdout
    assert counted.stdout.endswith("note: 1 missing answers count as wrong, 'test/5'\n")


def test_missing_predictions_are_status_2(tmp_path: Path) -> None:
    done = ftbench("score", tmp_path / "none.jsonl", "--task", "sst2", "--fixture")

    assert done.exit_code == 2
    assert done.stderr == (
        f"ftbench: wanted predictions, found nothing at {tmp_path}/none.jsonl; check the path\n"
    )


def test_report_puts_a_score_beside_base_and_reference(tmp_path: Path) -> None:
    paths: dict[str, Path] = {}
    for name, changes in {
        "tuned": {"test/0": "negative"},
        "base": {f"test/{n}": "?" for n in range(6)},
        "reference": {},
    }.items():
        said = answers(tmp_path / "said.jsonl", changes)
        paths[name] = tmp_path / f"{name}.json"
        ftbench("score", said, "--task", "sst2", "--fixture", "--model", name, "--out", paths[name])
    words: list[str | Path] = ["report", paths["tuned"], "--base", paths["base"]]
    words += ["--reference", paths["reference"]]

    table, lines = ftbench(*words), json.loads(ftbench(*words, "--json").stdout)

    assert (table.exit_code, table.stderr) == (0, "")
    assert table.stdout.splitlines()[2] == (
        "| sst2 (published) | tuned | accuracy | 6 | 83.33 ± 16.67 | 50.00 | 0.00 ± 0.00 | "
        "100.00 ± 0.00 | +83% | 97.2 |"
    )
    assert len(lines) == 1
    assert lines[0]["gain"] == pytest.approx(5 / 6)


def test_report_writes_a_file(tmp_path: Path, said: Path) -> None:
    result, out = tmp_path / "result.json", tmp_path / "table.md"
    ftbench("score", said, "--task", "sst2", "--fixture", "--out", result)

    done = ftbench("report", result, result, "--out", out)

    assert (done.exit_code, done.stdout) == (0, "")
    assert out.read_text().count("| sst2 (published) |") == 2
    assert len(json.loads(ftbench("report", result, result, "--json").stdout)) == 2


def test_report_refuses_what_was_scored_on_other_items(tmp_path: Path) -> None:
    for name, data in (("result", "a"), ("base", "b")):
        write_result(toy_result(task="sst2", data_sha256=data * 64), tmp_path / f"{name}.json")

    done = ftbench("report", tmp_path / "result.json", "--base", tmp_path / "base.json")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "wanted a base result on the same items and rules" in done.stderr


def test_a_missing_result_is_status_2(tmp_path: Path) -> None:
    done = ftbench("report", tmp_path / "none.json")

    assert done.exit_code == 2
    assert done.stderr.startswith(f"ftbench: wanted a result, found nothing at {tmp_path}")


def test_fingerprint_prints_hashes_and_says_how_many(tmp_path: Path) -> None:
    out = tmp_path / "hashes.json"

    printed = ftbench("fingerprint", "cs_bench", "--fixture")
    written = ftbench("fingerprint", "cs_bench", "--fixture", "--out", out)

    found = Fingerprint.model_validate_json(printed.stdout)
    assert out.read_text() == printed.stdout
    assert written.stdout == ""
    assert len(found.ngrams) > 0
    assert (
        printed.stderr
        == written.stderr
        == (
            f"{len(found.ngrams)} runs of 13 tokens and {len(found.texts)} short texts of "
            f"{found.items} sealed items\n"
        )
    )


def test_without_a_command_the_help_is_shown() -> None:
    done = ftbench()

    assert "Ten tasks that measure how well language models were fine-tuned." in done.output

import json
from pathlib import Path

import pytest

from shared.contracts.job import MetricName, SearchMode
from shared.contracts.mapping import Preference
from shared.errors import Rejected
from shared.suiting import is_free_text, unsuited
from trex.jobfile import read_job

JOB = """\
goal: Write dates as ISO 8601
base_model: org/model
data:
  train: train.jsonl
  dev: dev.jsonl
  mapping:
    prompt: "{text}"
    completion: "{iso}"
metric: exact_match
budget:
  experiments: 4
"""


def write_rows(path: Path, *completions: str) -> None:
    rows = [{"text": f"row {number}", "iso": text} for number, text in enumerate(completions)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "train.jsonl", "2021-03-03", "1999-12-31")
    write_rows(tmp_path / "dev.jsonl", "2000-01-01")
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def change(folder: Path, old: str, new: str) -> Path:
    path = folder / "job.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return path


def test_paths_are_relative_to_the_job_file(folder: Path) -> None:
    spec = read_job(folder / "job.yaml")

    assert spec.data.train == str(folder / "train.jsonl")
    assert spec.data.dev == str(folder / "dev.jsonl")
    assert spec.data.test is None
    assert spec.base_model == "org/model"


def test_the_rows_to_learn_from_may_lie_in_several_files(folder: Path) -> None:
    write_rows(folder / "train-2.jsonl", "2002-02-02")
    path = change(folder, "train.jsonl", "train*.jsonl")

    assert read_job(path).data.train == str(folder / "train*.jsonl")

    (folder / "train-2.jsonl").write_text('{"text": "no date"}\n')
    with pytest.raises(Rejected, match=r"data\.train: .*train-2\.jsonl line 1: wanted a column"):
        read_job(path)


def test_rows_for_finalists_are_kept_and_looked_at(folder: Path) -> None:
    write_rows(folder / "confirm.jsonl", "2002-02-02")
    path = change(folder, "  dev: dev.jsonl\n", "  dev: dev.jsonl\n  confirm: confirm.jsonl\n")

    assert read_job(path).data.confirm == str(folder / "confirm.jsonl")

    change(folder, "confirm: confirm.jsonl", "confirm: dev.jsonl")
    with pytest.raises(Rejected, match="wanted dev and confirm in files of their own"):
        read_job(path)


def test_what_is_said_of_the_search_stands_in_place_of_the_file(folder: Path) -> None:
    path = change(folder, "budget:", "search: {mode: uct, width: 3}\nbudget:")

    spec = read_job(path, search={"mode": "greedy", "fidelity": None})

    assert (spec.search.mode, spec.search.width) == (SearchMode.GREEDY, 3)
    with pytest.raises(Rejected, match=r"search\.mode.*'posterior', .* got 'mcts'"):
        read_job(path, search={"mode": "mcts"})
    with pytest.raises(Rejected, match="fidelity goes with mode posterior, not uct"):
        read_job(path, search={"fidelity": "steps"})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metric:", "metrik:", r"metrik is no field of a job; write metric$"),
        ("experiments:", "experimnts:", r"budget\.experimnts is no field.*write experiments$"),
        ("  mapping:", "  zzz: 1\n  mapping:", r"data\.zzz is no field.*use one of train, dev"),
        ("    prompt:", "    promt:", r"data\.mapping\.promt is no field of a job; write prompt$"),
        ("    prompt:", "    kind: messages\n    colum:", r"colum is no field.*; write column$"),
        ("    prompt:", "    kind: chat\n    prompt:", r"data\.mapping: must be of kind templates"),
        ("metric: exact_match\n", "", "metric: is required and missing"),
        ("experiments: 4", "experiments: 0", r"budget\.experiments: .*greater than 0, got 0"),
        ("goal: Write", "goal: 'Write", r"job\.yaml line \d+: wanted YAML"),
        ("train.jsonl", "trian.jsonl", r"data\.train: .*trian\.jsonl: wanted a data file"),
        ("{iso}", "{date}", r"line 1: wanted a column 'date', found 'text', 'iso'"),
        ("dev.jsonl", "./train.jsonl", "wanted train and dev in files of their own"),
        ("train.jsonl", "'*.jsonl'", r"files of their own, found .*dev\.jsonl for both"),
        ("train.jsonl", "none-*.jsonl", r"data\.train: .*wanted data files that fit this pattern"),
        ("org/model", "./model", "base_model: wanted an existing folder"),
        (
            "metric:",
            "baselines: {reference: ./model}\nmetric:",
            r"baselines\.reference: wanted an existing folder",
        ),
        ("metric:", "guards: [chess]\nmetric:", "guards wanted lm_eval:NAME or one of arithmetic"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_change(
    folder: Path, old: str, new: str, said: str
) -> None:
    path = change(folder, old, new)

    with pytest.raises(Rejected, match=said):
        read_job(path)


MAPPING = """\
  mapping:
    prompt: "{text}"
    completion: "{iso}"
"""


def test_a_mapping_that_is_left_out_is_found_in_the_rows_and_said(folder: Path) -> None:
    row = {"prompt": "3 March 2021", "chosen": "2021-03-03", "rejected": "2021"}
    for name in ("train.jsonl", "dev.jsonl"):
        (folder / name).write_text(json.dumps(row) + "\n")
    told: list[str] = []

    spec = read_job(change(folder, MAPPING, ""), say=told.append)

    assert spec.data.mapping == Preference(
        prompt="{prompt}", chosen="{chosen}", rejected="{rejected}"
    )
    assert told == [
        "data.mapping is not given; by the columns of train.jsonl it is "
        "{kind: preference, prompt: '{prompt}', chosen: '{chosen}', rejected: '{rejected}'}"
    ]


def test_nothing_is_said_of_a_mapping_that_is_given(folder: Path) -> None:
    told: list[str] = []

    read_job(folder / "job.yaml", say=told.append)

    assert told == []


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (
            '{"text": "3 March", "iso": "2021"}',
            r"train\.jsonl: wanted columns of .* text, iso; write",
        ),
        ("", r"data\.mapping: .*train\.jsonl: wanted rows, found none"),
    ],
)
def test_a_shape_that_is_not_known_wants_a_mapping(folder: Path, train: str, said: str) -> None:
    (folder / "train.jsonl").write_text(train)

    with pytest.raises(Rejected, match=said):
        read_job(change(folder, MAPPING, ""))


def test_rows_to_score_on_must_have_right_answers(folder: Path) -> None:
    rows = [{"prompt": "1+1", "completion": "3", "label": False}]
    for name in ("train.jsonl", "dev.jsonl"):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    with pytest.raises(Rejected, match=r"data\.dev: .*dev\.jsonl line 1: wanted a right answer"):
        read_job(change(folder, MAPPING, ""))


def test_a_missing_job_file_is_said(folder: Path) -> None:
    with pytest.raises(Rejected, match="wanted a job file, found none"):
        read_job(folder / "other.yaml")


def test_a_file_that_holds_no_job_is_said(folder: Path) -> None:
    (folder / "job.yaml").write_text("- goal\n")

    with pytest.raises(Rejected, match="wanted the fields of a job"):
        read_job(folder / "job.yaml")


def test_a_broken_row_is_named_by_its_line(folder: Path) -> None:
    with (folder / "dev.jsonl").open("a") as file:
        file.write("{oops\n")

    with pytest.raises(Rejected, match=r"data\.dev: .*dev\.jsonl line 2: wanted one JSON object"):
        read_job(folder / "job.yaml")


def test_an_empty_file_is_refused(folder: Path) -> None:
    (folder / "train.jsonl").write_text("\n")

    with pytest.raises(Rejected, match=r"data\.train: .*wanted at least one row"):
        read_job(folder / "job.yaml")


def test_accuracy_is_refused_for_written_answers(folder: Path) -> None:
    write_rows(folder / "dev.jsonl", *(f"answer {number}" for number in range(20)))
    path = change(folder, "exact_match", "accuracy")

    with pytest.raises(
        Rejected, match=r"20 different references in 20 rows.*exact_match or rougeL"
    ):
        read_job(path)


@pytest.mark.parametrize(
    ("references", "free"),
    [
        (["yes", "no"] * 10, False),
        ([str(number) for number in range(19)], False),
        ([str(number) for number in range(20)], True),
        ([str(number % 50) for number in range(100)], False),
        ([str(number % 101) for number in range(1000)], True),
    ],
)
def test_labels_are_told_from_written_answers(references: list[str], free: bool) -> None:
    assert is_free_text(references) is free


def test_rouge_is_refused_where_it_would_count_no_word() -> None:
    assert "exact_match" in (unsuited(MetricName.ROUGE_L, ["你好", "谢谢"]) or "")
    assert unsuited(MetricName.ROUGE_L, ["Hello", "谢谢"]) is None
    assert unsuited(MetricName.EXACT_MATCH, ["你好"]) is None


def test_a_right_answer_that_is_no_option_is_refused(folder: Path) -> None:
    write_rows(folder / "dev.jsonl", "yes", "no", "No")
    change(folder, "metric: exact_match", "options: ['yes', 'no']\nmetric: exact_match")

    with pytest.raises(Rejected, match="right answer of dev among them, found 'No' at row 3"):
        read_job(folder / "job.yaml")

    write_rows(folder / "dev.jsonl", "yes", "no")
    assert read_job(folder / "job.yaml").options == ("yes", "no")


def test_a_sealed_split_keeps_its_name_and_is_not_looked_at(folder: Path) -> None:
    change(folder, "metric: exact_match", "metric: ftbench")
    change(folder, "dev: dev.jsonl", "dev: ftbench:law_bench/dev\n  test: ftbench:law_bench/test")

    spec = read_job(folder / "job.yaml")

    assert (spec.data.dev, spec.data.test) == ("ftbench:law_bench/dev", "ftbench:law_bench/test")
    assert spec.data.train == str(folder / "train.jsonl")

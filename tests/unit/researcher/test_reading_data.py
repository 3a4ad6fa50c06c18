import json
import random
from pathlib import Path

import pytest

from services.researcher.reading_data import count_parameters, study
from shared.contracts.base import JobId
from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.mapping import Judged, Prompts
from shared.errors import DataFailed
from shared.rows import sha256_of, sha256_of_files
from tests.unit.researcher.researcher_examples import CONTEXT


def brief_of(
    folder: Path,
    rows: list[tuple[str, str]],
    base_model: str = "org/some-model",
    pattern: str = "train.jsonl",
) -> Brief:
    train = folder / "train.jsonl"
    train.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows))
    return study(
        BriefRequest(
            job_id=JobId("j-1"),
            goal="answer",
            base_model=base_model,
            train=str(folder / pattern),
            mapping=CONTEXT.mapping,
            metric=CONTEXT.metric,
        )
    )


def write_safetensors(file: Path, shapes: dict[str, list[int]]) -> None:
    tensors = {name: {"dtype": "F32", "shape": shape} for name, shape in shapes.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"weights")


def test_prompts_that_differ_in_case_and_white_space_are_duplicates(tmp_path: Path) -> None:
    rows = [("What is  this?", "a"), ("what is this?\n", "b"), ("Another", "c"), ("Third", "d")]

    brief = brief_of(tmp_path, rows)

    assert brief.rows == 4
    assert brief.duplicate_share == 0.25


def test_the_95th_percentile_leaves_one_outlier_in_twenty_out(tmp_path: Path) -> None:
    rows = [("q" * 10, f"{n:03}") for n in range(19)] + [("q" * 500, "x" * 300)]
    random.Random(0).shuffle(rows)

    brief = brief_of(tmp_path, rows)

    assert (brief.prompt_chars_p95, brief.completion_chars_p95) == (10, 3)


def test_few_repeated_completions_are_labels_and_the_majority_is_named(tmp_path: Path) -> None:
    rows = [(f"q{n}", "yes" if n < 7 else "no") for n in range(10)]

    brief = brief_of(tmp_path, rows)

    assert brief.labels == 2
    assert "'yes' with 70% of the rows" in brief.summary


@pytest.mark.parametrize("rows", [12, 200])
def test_answers_that_are_all_different_are_no_labels(tmp_path: Path, rows: int) -> None:
    brief = brief_of(tmp_path, [(f"q{n}", f"a{n}") for n in range(rows)])

    assert brief.labels == 0
    assert "labels" not in brief.summary


def test_fifty_labels_are_labels_and_fifty_one_are_not(tmp_path: Path) -> None:
    fifty = brief_of(tmp_path, [(f"q{n}", f"a{n % 50}") for n in range(300)])
    more = brief_of(tmp_path, [(f"q{n}", f"a{n % 51}") for n in range(300)])

    assert (fifty.labels, more.labels) == (50, 0)


@pytest.mark.parametrize(
    ("prompt", "answer", "kind"),
    [
        (900, 200, "summarisation"),
        (900, 99, "other"),  # an extract, a date, a sum: too short for a summary
        (900, 500, "other"),
        (200, 900, "generation"),
        (500, 900, "other"),
        (50, 50, "other"),
    ],
)
def test_lengths_tell_summaries_and_free_texts_and_nothing_else(
    tmp_path: Path, prompt: int, answer: int, kind: str
) -> None:
    rows = [(f"{n:03}".ljust(prompt, "q"), f"{n:03}".ljust(answer, "a")) for n in range(9)]

    assert brief_of(tmp_path, rows).task_type == kind


def test_labels_are_a_classification_and_one_answer_to_all_is_none(tmp_path: Path) -> None:
    two = brief_of(tmp_path, [(f"q{n}", "no" if n % 2 else "yes") for n in range(10)])
    one = brief_of(tmp_path, [(f"q{n}", "yes") for n in range(10)])

    assert (two.task_type, one.task_type) == ("classification", "other")


def test_the_brief_names_exactly_the_bytes_it_read(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, [("q", "a")])

    assert brief.train_sha256 == sha256_of(tmp_path / "train.jsonl")


def test_the_brief_of_several_files_names_the_bytes_of_all(tmp_path: Path) -> None:
    before = brief_of(tmp_path, [("q", "a")], pattern="train*.jsonl")
    (tmp_path / "train-2.jsonl").write_text((tmp_path / "train.jsonl").read_text())
    after = brief_of(tmp_path, [("q", "a")], pattern="train*.jsonl")

    assert (before.rows, after.rows, after.duplicate_share) == (1, 2, 0.5)
    assert after.train_sha256 == sha256_of_files(tmp_path / "train*.jsonl") != before.train_sha256


def test_weights_are_counted_over_all_shards_of_the_base_model(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model-00001-of-00002.safetensors", {"a": [3, 4], "b": [5]})
    write_safetensors(tmp_path / "model-00002-of-00002.safetensors", {"c": [2, 2, 2], "d": []})
    write_safetensors(tmp_path / "adapter_model.safetensors", {"lora": [1000]})

    brief = brief_of(tmp_path, [("q", "a")], base_model=str(tmp_path))

    assert brief.base_parameters == 12 + 5 + 8 + 1


def test_the_size_of_a_hub_model_is_unknown_and_the_summary_says_so(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, [("q", "a")], base_model="org/some-model")

    assert brief.base_parameters is None
    assert "size of the base model is unknown" in brief.summary


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x02" + b"\0" * 7 + b"[]"])
def test_a_broken_weights_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(DataFailed, match=r"model\.safetensors: wanted a safetensors header"):
        count_parameters(tmp_path)


@pytest.mark.parametrize(
    ("mapping", "found"),
    [
        (Judged(prompt="{q}", completion="{a}", label="ok"), "line 2: .* found one judged bad;"),
        (Prompts(prompt="{q}"), "line 1: .* found none;"),
    ],
)
def test_rows_of_which_the_rules_can_learn_nothing_are_refused_before_any_run(
    tmp_path: Path, mapping: Judged | Prompts, found: str
) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text('{"q": "1+1", "a": "2", "ok": true}\n{"q": "2+2", "a": "5", "ok": false}\n')
    request = BriefRequest(
        job_id=JobId("j-1"),
        goal="answer",
        base_model="org/some-model",
        train=str(train),
        mapping=mapping,
        metric=CONTEXT.metric,
    )

    with pytest.raises(DataFailed, match=found):
        study(request)


def test_rows_that_cannot_be_mapped_fail_with_the_line(tmp_path: Path) -> None:
    rows = [("q", "a"), ("q", "  ")]

    with pytest.raises(DataFailed, match="line 2: wanted a completion"):
        brief_of(tmp_path, rows)

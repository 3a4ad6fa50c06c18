import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.executor.operators.deduplicate import deduplicate
from services.executor.operators.filter import filter_by_length
from services.executor.operators.judging import Judge, Tally, judged
from services.executor.operators.load import load
from services.executor.operators.load_hub import load_hub
from services.executor.operators.map import map_rows
from services.executor.operators.sample import sample
from shared.contracts.mapping import Templates
from shared.contracts.operators import LoadHub
from shared.errors import DataFailed
from shared.rows import Sample, sha256_of

MAPPING = Templates(prompt="Q: {q}", completion="{a}", system="Answer.")
SAMPLES = st.lists(st.builds(Sample, st.text("aA \n", max_size=4), st.text("bB ", max_size=3)))
SHARES = st.floats(0.01, 1.0)


def numbered(count: int) -> list[Sample]:
    return [Sample(f"question {number}", f"answer {number}") for number in range(count)]


def kept_by(judge: Judge, samples: list[Sample]) -> list[Sample]:
    return list(judged(samples, judge, Tally("")))


def in_order(some: list[Sample], of: list[Sample]) -> bool:
    rest = iter(of)
    return all(one in rest for one in some)


def test_a_file_is_loaded_and_mapped_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"q": "1+1", "a": "2"}\n{"q": "2+2", "a": "4"}\n')

    samples = list(map_rows(load(path, sha256_of(path)), MAPPING, path))

    assert samples == [Sample("Q: 1+1", "2", "Answer."), Sample("Q: 2+2", "4", "Answer.")]


def test_a_file_that_changed_since_the_recipe_was_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"q": "1+1", "a": "2"}\n')
    written_for = sha256_of(path)
    path.write_text('{"q": "1+1", "a": "3"}\n')

    with pytest.raises(DataFailed, match="changed since the recipe was written"):
        next(load(path, written_for))


def test_a_row_that_does_not_fit_is_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"q": "1+1", "a": "2"}\n{"q": "2+2"}\n')

    with pytest.raises(DataFailed, match=r"train\.jsonl line 2: wanted a column 'a'"):
        list(map_rows(load(path, sha256_of(path)), MAPPING, path))


def test_samples_at_the_bounds_are_kept_and_longer_ones_dropped() -> None:
    fits = Sample("12345", "123")
    samples = [Sample("123456", "123"), fits, Sample("12345", "1234")]

    kept = kept_by(filter_by_length(max_prompt_chars=5, max_completion_chars=3), samples)

    assert kept == [fits]


def test_the_first_answer_to_each_prompt_is_kept() -> None:
    samples = [Sample("Hi  there", "x"), Sample("bye", "x"), Sample("hi\nTHERE ", "y")]

    assert kept_by(deduplicate(by="prompt"), samples) == samples[:2]


def test_by_sample_only_whole_repetitions_are_dropped() -> None:
    samples = [Sample("hi", "x y"), Sample("hi", "y"), Sample("hi x", "y"), Sample("HI", " x y")]

    assert kept_by(deduplicate(by="sample"), samples) == samples[:3]


def test_the_same_seed_keeps_the_same_samples_on_every_machine() -> None:
    kept = list(sample(numbered(12), share=0.25, seed=7))

    assert [one.prompt for one in kept] == ["question 0", "question 2"]


def test_about_the_share_is_kept_and_another_seed_keeps_others() -> None:
    samples = numbered(4000)

    kept, others = (list(sample(samples, share=0.3, seed=seed)) for seed in (0, 1))

    assert 1100 < len(kept) < 1300
    assert kept != others


def test_a_smaller_share_keeps_a_part_of_what_a_larger_one_keeps() -> None:
    samples = numbered(500)

    small, large = (list(sample(samples, share=share, seed=0)) for share in (0.1, 0.4))

    assert set(small) < set(large)


def test_a_tiny_share_of_something_is_not_nothing() -> None:
    assert len(list(sample(numbered(3), share=1e-9, seed=0))) == 1
    assert list(sample([], share=1e-9, seed=0)) == []


def test_operators_take_no_more_than_they_are_asked_for() -> None:
    endless = (Sample(f"question {number}", "answer") for number in iter(random.random, None))

    short = filter_by_length(max_prompt_chars=99, max_completion_chars=99)
    distinct = judged(judged(endless, short, Tally("filter")), deduplicate(), Tally("deduplicate"))

    assert next(sample(distinct, share=0.5, seed=0)).completion == "answer"


@given(samples=SAMPLES, share=SHARES, seed=st.integers(0, 9))
def test_operators_never_invent_or_reorder_a_sample(
    samples: list[Sample], share: float, seed: int
) -> None:
    filtered = kept_by(filter_by_length(max_prompt_chars=2, max_completion_chars=2), samples)
    distinct = kept_by(deduplicate(), samples)
    sampled = list(sample(samples, share=share, seed=seed))

    assert in_order(filtered, samples)
    assert in_order(distinct, samples)
    assert in_order(sampled, samples)
    assert bool(distinct) == bool(sampled) == bool(samples)
    assert kept_by(deduplicate(), distinct) == distinct


REVISION = "0123456789abcdef0123456789abcdef01234567"


def test_the_rows_of_a_data_set_of_the_hub_stream_in_order(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"q": "1+1", "a": "2"}\n{"q": "2+2", "a": "4"}\n')

    rows = load_hub(LoadHub(dataset=str(tmp_path), split="train", revision=REVISION))

    samples = list(map_rows(rows, MAPPING, tmp_path))
    assert samples == [Sample("Q: 1+1", "2", "Answer."), Sample("Q: 2+2", "4", "Answer.")]
    assert [one.row for one in samples] == [1, 2]


def test_a_split_the_hub_does_not_have_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"q": "1+1", "a": "2"}\n')

    with pytest.raises(DataFailed, match=r"wanted split 'dev' at 0123456789ab .* Bad split: dev"):
        next(load_hub(LoadHub(dataset=str(tmp_path), split="dev", revision=REVISION)))


def test_without_a_network_the_hub_is_said_to_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(DataFailed, match=r"org/none: .* found none .*check the names and the net"):
        next(load_hub(LoadHub(dataset="org/none", split="train", revision=REVISION)))


@pytest.mark.parametrize("revision", ["main", REVISION[:12], REVISION.upper()])
def test_a_branch_is_no_revision(revision: str) -> None:
    with pytest.raises(ValidationError, match="revision"):
        LoadHub(dataset="org/data", split="train", revision=revision)

import gzip
import json
from pathlib import Path

import pytest

from shared.contracts.job import MetricName
from shared.contracts.mapping import Messages, Templates
from shared.errors import Rejected
from shared.rows import read_rows, read_samples
from shared.suiting import suggest_metric
from trex.inspect_data import look_at
from trex.job_draft import draft_job
from trex.jobfile import read_job
from trex.split import write_split

MAPPING = Templates(prompt="{text}", completion="{label}")


def write_csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [f"sentence {number},{'good' if number % 2 else 'bad'}" for number in range(100)]
    return write_csv(tmp_path / "films.csv", "text,label", rows)


def test_a_drafted_job_can_be_read_as_it_is(labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "jobs" / "job.yaml"

    draft_job(labelled, out, base_model="org/model")

    spec = read_job(out)
    assert spec.metric is MetricName.ACCURACY
    assert spec.data.mapping == MAPPING
    split = tmp_path / "jobs" / "films-split"
    assert spec.data.files() == {
        name: str(split / f"{name}.jsonl") for name in ("train", "dev", "confirm", "test")
    }


def test_a_job_file_is_not_replaced_unless_told(labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "job.yaml"
    out.write_text("mine")

    with pytest.raises(Rejected, match="--force"):
        draft_job(labelled, out)
    assert out.read_text() == "mine"

    draft_job(labelled, out, force=True)
    assert out.read_text() != "mine"


def test_a_dev_file_of_ones_own_leaves_the_data_as_it_is(labelled: Path, tmp_path: Path) -> None:
    dev = write_csv(tmp_path / "dev.csv", "text,label", ["fine,good"])

    draft = draft_job(labelled, tmp_path / "job.yaml", dev=dev)

    spec = read_job(tmp_path / "job.yaml")
    assert draft.split is None
    assert (spec.data.train, spec.data.dev, spec.data.test) == (str(labelled), str(dev), None)


def test_several_files_are_looked_at_and_cut_as_one(labelled: Path, tmp_path: Path) -> None:
    labelled.rename(tmp_path / "films-1.csv")
    write_csv(tmp_path / "films-2.csv", "text,label", [f"more {n},good" for n in range(50)])

    draft = draft_job(tmp_path / "films-?.csv", tmp_path / "job.yaml", base_model="org/model")

    assert draft.split is not None
    assert sum(draft.split.rows.values()) == 150
    assert read_job(tmp_path / "job.yaml").data.train == str(
        tmp_path / "films-split" / "train.jsonl"
    )


def test_several_files_stay_as_they_are_beside_a_dev_file_of_ones_own(
    labelled: Path, tmp_path: Path
) -> None:
    dev = write_csv(tmp_path / "dev.csv", "text,label", ["fine,good"])

    draft_job(tmp_path / "f*.csv", tmp_path / "job.yaml", dev=dev, base_model="org/model")

    assert read_job(tmp_path / "job.yaml").data.train == str(tmp_path / "f*.csv")


def test_a_pattern_of_signs_alone_still_names_a_folder(labelled: Path, tmp_path: Path) -> None:
    draft = draft_job(tmp_path / "*.csv", tmp_path / "job.yaml", base_model="org/model")

    assert draft.split is not None
    assert draft.split.files["train"].parent == tmp_path / "rows-split"


def test_a_test_file_alone_is_refused(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="wanted --dev beside --test"):
        draft_job(labelled, tmp_path / "job.yaml", test=labelled)


def test_odd_column_names_survive_the_job_file(tmp_path: Path) -> None:
    rows = [{'quel "jour"': f"row {n}", "réponse ✓": f"{n}"} for n in range(9)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    prompt, completion = 'Dis:\n{quel "jour"}', "{réponse ✓}"

    draft_job(data, tmp_path / "job.yaml", prompt=prompt, completion=completion)

    mapping = read_job(tmp_path / "job.yaml").data.mapping
    assert mapping == Templates(prompt=prompt, completion=completion)


def test_a_template_with_a_stray_brace_is_refused(labelled: Path) -> None:
    with pytest.raises(Rejected, match="wanted templates with column names in braces"):
        look_at(labelled, prompt="{text", completion="{label}")


def test_unknown_columns_are_named_with_what_to_type(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "frage,antwort", ["a,b"])

    with pytest.raises(Rejected, match="found frage, antwort; write data"):
        look_at(data)


def test_columns_are_known_whatever_their_case(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "Id,Question,Answer", ["1,why,so"])

    assert look_at(data).mapping == Templates(prompt="{Question}", completion="{Answer}")


def test_an_instruction_is_followed_by_its_input(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "instruction,input,output", ["add,1 2,3"])

    mapping = Templates(prompt="{instruction}\n\n{input}", completion="{output}")
    assert look_at(data).mapping == mapping


def test_the_first_five_rows_are_kept_to_be_shown(labelled: Path) -> None:
    assert [sample.prompt for sample in look_at(labelled).first][-1] == "sentence 4"


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="wanted rows, found none"):
        look_at(write_csv(tmp_path / "data.csv", "text,label", []))


def test_answers_get_room_for_their_tokens(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "text,answer", [f"q,{'long ' * 60}{n}" for n in "abc"])

    limits = look_at(data).limits

    assert limits.max_new_tokens == 112
    assert limits.max_length >= 2 * 64 + limits.max_new_tokens


@pytest.mark.parametrize(
    ("references", "metric"),
    [
        (["good", "bad"] * 10, MetricName.ACCURACY),
        ([f"2021-01-{day:02}" for day in range(1, 31)], MetricName.EXACT_MATCH),
        (
            [f"the answer number {n} is written in full words" for n in range(30)],
            MetricName.ROUGE_L,
        ),
    ],
)
def test_a_metric_suits_the_answers(references: list[str], metric: MetricName) -> None:
    assert suggest_metric(references) is metric


def test_long_answers_without_latin_words_have_no_metric() -> None:
    with pytest.raises(Rejected, match="no metric suits"):
        suggest_metric(["这是一个很长的答案" * 10] * 3)


def test_equal_prompts_never_stand_in_two_splits(tmp_path: Path) -> None:
    rows = [f"{'Row' if n % 3 else 'row '} {n // 3},good" for n in range(90)]
    data = write_csv(tmp_path / "data.csv", "text,label", rows)

    split = write_split(data, MAPPING, tmp_path / "split")

    prompts = [
        {" ".join(sample.prompt.lower().split()) for sample in read_samples(path, MAPPING)}
        for path in split.files.values()
    ]
    assert sum(split.rows.values()) == 90
    assert sum(map(len, prompts)) == len(set.union(*prompts)) == 30


def test_a_tenth_goes_to_every_file_to_score_on(labelled: Path, tmp_path: Path) -> None:
    split = write_split(labelled, MAPPING, tmp_path / "split")

    assert split.rows == {"train": 70, "dev": 10, "confirm": 10, "test": 10}
    assert {name: len(list(read_rows(file))) for name, file in split.files.items()} == split.rows


def test_files_to_score_on_have_at_most_five_hundred_rows(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "text,label", [f"{n},good" for n in range(6000)])

    rows = write_split(data, MAPPING, tmp_path / "split").rows
    assert rows == {"train": 4500, "dev": 500, "confirm": 500, "test": 500}


def test_the_same_file_is_always_cut_the_same_way(labelled: Path, tmp_path: Path) -> None:
    once = write_split(labelled, MAPPING, tmp_path / "once")
    again = write_split(labelled, MAPPING, tmp_path / "again")

    assert once.files["dev"].read_bytes() == again.files["dev"].read_bytes()


def test_each_split_gets_a_row_however_often_prompts_repeat(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "text,label", [f"{n % 4},good" for n in range(20)])

    assert set(write_split(data, MAPPING, tmp_path / "split").rows.values()) == {5}


def test_too_few_prompts_cannot_be_split(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "text,label", ["a,good", "A,bad", "b,good"])

    with pytest.raises(Rejected, match=r"at least 4 different prompts .* found 2"):
        write_split(data, MAPPING, tmp_path / "split")


def write_talks(path: Path, count: int) -> Path:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Question {number // 2}"},
                {"role": "assistant", "content": "yes"},
                {"role": "user", "content": f"Sure, {number}?"},
                {"role": "assistant", "content": "no"},
            ]
        }
        for number in range(count)
    ]
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    path.write_bytes(packed)
    return path


def test_a_job_is_drafted_for_packed_conversations(tmp_path: Path) -> None:
    data = write_talks(tmp_path / "talks.jsonl.gz", 40)

    draft = draft_job(data, tmp_path / "job.yaml", base_model="org/model")

    spec = read_job(tmp_path / "job.yaml")
    assert spec.data.mapping == Messages(column="messages")
    assert spec.data.train == str(tmp_path / "talks-split" / "train.jsonl")
    assert draft.sight.first[0].completion == "no"


def test_conversations_that_begin_alike_never_stand_in_two_splits(tmp_path: Path) -> None:
    data = write_talks(tmp_path / "talks.jsonl.gz", 40)

    split = write_split(data, Messages(column="messages"), tmp_path / "split")

    begun = [
        {row.columns["messages"][0]["content"] for row in read_rows(path)}
        for path in split.files.values()
    ]
    assert sum(map(len, begun)) == len(set.union(*begun)) == 20


def test_one_template_of_ones_own_goes_with_the_other_as_found(labelled: Path) -> None:
    found = look_at(labelled, prompt="Sentiment of: {text}").mapping

    assert found == Templates(prompt="Sentiment of: {text}", completion="{label}")


def test_one_template_alone_does_not_go_with_conversations(tmp_path: Path) -> None:
    data = write_talks(tmp_path / "talks.jsonl.gz", 4)

    with pytest.raises(Rejected, match="wanted columns of a shape that is known"):
        look_at(data, prompt="{messages}")


def test_prompts_without_answers_have_no_metric(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", "prompt", ["a", "b"])

    with pytest.raises(Rejected, match=r"wanted right answers .* found none in 2 rows"):
        look_at(data)


def test_a_metric_is_chosen_by_the_good_answers_alone(tmp_path: Path) -> None:
    good = [f"good {n},yes,true" for n in range(20)]
    bad = [f"bad {n},wrong{n * ' and very long'},false" for n in range(20)]
    data = write_csv(tmp_path / "data.csv", "prompt,completion,label", good + bad)

    assert look_at(data).metric is MetricName.ACCURACY

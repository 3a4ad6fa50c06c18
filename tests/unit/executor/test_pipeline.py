import json
import random
import resource
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from services.executor import stages
from services.executor.operators.load import load
from services.executor.pipeline import Materialised, materialise, read_materialised
from shared.contracts.mapping import Preference, Templates
from shared.contracts.operators import (
    Balance,
    Decontaminate,
    Deduplicate,
    Extract,
    Filter,
    HoldOut,
    Language,
    Load,
    LoadHub,
    Map,
    Matching,
    Mix,
    NearDuplicates,
    Operator,
    Quality,
    Source,
    Where,
)
from shared.contracts.operators import Sample as Share
from shared.contracts.run import Dropped, RowCount
from shared.errors import DataFailed
from shared.fingerprint import Fingerprint, hashed, tokens
from shared.rows import Row, Sample, sha256_of, to_sample


def source(folder: Path, texts: list[str], *, system: str | None = None) -> list[Operator]:
    path = folder / "source.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    mapping = Templates(prompt="{text}", completion="{text}!", system=system)
    return [Load(path=str(path), sha256=sha256_of(path)), Map(mapping=mapping)]


def labelled(folder: Path, labels: list[str]) -> list[Operator]:
    path = folder / "labelled.jsonl"
    rows = ({"text": f"text {number}", "label": label} for number, label in enumerate(labels))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = Templates(prompt="{text}", completion="{label}")
    return [Load(path=str(path), sha256=sha256_of(path)), Map(mapping=mapping)]


def completions(made: Materialised) -> Counter[str]:
    return Counter(one.completion for one in read_materialised(made.train))


def counts(made: Materialised) -> tuple[RowCount, ...]:
    """Return what each operator counted, without where it read it."""
    return tuple(row.model_copy(update={"origins": ()}) for row in made.rows)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Collects the files that are read, each time they are."""
    files: list[Path] = []

    def counting(path: Path, sha256: str) -> Iterator[Row]:
        files.append(path)
        return load(path, sha256)

    monkeypatch.setattr(stages, "load", counting)
    return files


def names(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def contents(made: Materialised) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in made.train.parent.iterdir()}


@contextmanager
def room_for(file_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_samples_are_read_back_with_everything_they_say(tmp_path: Path) -> None:
    operators = source(tmp_path, ["两行\nof text\u2028here", "b"], system="Be brief.")

    made = materialise(operators, tmp_path / "cache")

    found = list(read_materialised(made.train))
    assert found == [
        Sample("两行\nof text\u2028here", "两行\nof text\u2028here!", "Be brief."),
        Sample("b", "b!", "Be brief."),
    ]
    assert [(one.source, one.row) for one in found] == [
        (str(tmp_path / "source.jsonl"), 1),
        (str(tmp_path / "source.jsonl"), 2),
    ]


def test_nothing_of_a_sample_is_lost_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "source.jsonl"
    said = [{"role": role, "content": role} for role in ("system", "user", "assistant", "user")]
    row = {"prompt": said, "chosen": "2", "rejected": "3"}
    path.write_text("\n" + json.dumps(row) + "\n")
    mapping = Preference(prompt="{prompt}", chosen="{chosen}", rejected="{rejected}")
    load = Load(path=str(path), sha256=sha256_of(path))

    made = materialise([load, Map(mapping=mapping)], tmp_path / "cache")

    (sample,) = read_materialised(made.train)
    assert sample == to_sample(Row(2, row), mapping, path)
    assert sample.messages() == said
    assert (sample.source, sample.row) == (str(path), 2)


def test_every_operator_is_counted(tmp_path: Path) -> None:
    operators = [
        *source(tmp_path, [f"text {number % 60}" for number in range(99)] + ["x" * 50]),
        Filter(max_prompt_chars=20, max_completion_chars=20),
        Deduplicate(),
        HoldOut(share=0.1, max_samples=50),
    ]

    made = materialise(operators, tmp_path / "cache")

    assert counts(made) == (
        RowCount(operator="load", rows_in=100, rows_out=100),
        RowCount(operator="map", rows_in=100, rows_out=100),
        RowCount(
            operator="filter",
            rows_in=100,
            rows_out=99,
            dropped=(Dropped(why="prompt too long", samples=1),),
        ),
        RowCount(
            operator="deduplicate",
            rows_in=99,
            rows_out=60,
            dropped=(Dropped(why="seen before", samples=39),),
        ),
        RowCount(
            operator="hold_out",
            rows_in=60,
            rows_out=54,
            dropped=(Dropped(why="set aside", samples=6),),
        ),
    )


def test_held_out_samples_are_not_trained_on_and_none_is_lost(tmp_path: Path) -> None:
    texts = [f"text {number:02}" for number in range(40)]
    operators = [*source(tmp_path, texts), HoldOut(share=0.2, max_samples=50)]

    made = materialise(operators, tmp_path / "cache")

    assert made.held_out is not None
    train = [one.prompt for one in read_materialised(made.train)]
    held_out = [one.prompt for one in read_materialised(made.held_out)]
    assert (len(train), len(held_out)) == (32, 8)
    assert train == sorted(train)
    assert sorted(train + held_out) == texts
    assert names(made.train.parent) == [
        "held_out.parquet",
        "held_out_lineage.parquet",
        "lineage.parquet",
        "manifest.json",
        "train.parquet",
    ]


def test_too_few_samples_to_hold_any_out_makes_no_held_out_file(tmp_path: Path) -> None:
    operators = [*source(tmp_path, ["a", "b", "c"]), HoldOut(share=0.5, max_samples=50)]

    made = materialise(operators, tmp_path / "cache")

    assert made.held_out is None
    assert made.rows[-1] == RowCount(operator="hold_out", rows_in=3, rows_out=3)


def test_what_is_already_made_is_used_without_reading_the_source(tmp_path: Path) -> None:
    operators = source(tmp_path, ["a", "b"])
    made = materialise(operators, tmp_path / "cache")
    (tmp_path / "source.jsonl").unlink()

    assert materialise(operators, tmp_path / "cache") == made


def test_other_operators_are_made_anew(tmp_path: Path) -> None:
    operators = source(tmp_path, ["a", "b"])

    first = materialise(operators, tmp_path / "cache")
    second = materialise([*operators, Share(share=0.5)], tmp_path / "cache")

    assert first.train != second.train
    assert len(list(read_materialised(second.train))) < 2


def test_recipes_that_begin_alike_share_the_dear_part(tmp_path: Path, loaded: list[Path]) -> None:
    begin = [*source(tmp_path, ["a", "b", "B", "c"]), Deduplicate()]

    materialise([*begin, Filter(max_prompt_chars=9, max_completion_chars=9)], tmp_path / "cache")
    other = materialise([*begin, Share(share=0.9)], tmp_path / "cache")

    assert len(loaded) == 1
    assert [row.rows_out for row in other.rows][:3] == [4, 4, 3]


def test_a_share_of_each_label_and_the_balance_of_labels_are_kept(tmp_path: Path) -> None:
    begin = labelled(tmp_path, ["yes"] * 80 + ["no"] * 20)

    each = materialise([*begin, Share(share=0.25, by="label")], tmp_path / "cache")
    even = materialise([*begin, Balance(max_share=0.5)], tmp_path / "cache")

    assert completions(each) == {"yes": 20, "no": 5}
    assert completions(even) == {"yes": 20, "no": 20}
    assert each.rows[-1].dropped == (Dropped(why="not drawn", samples=75),)
    assert even.rows[-1].dropped == (Dropped(why="label too frequent", samples=60),)


def test_other_files_are_mixed_in_and_their_part_is_prepared_once(
    tmp_path: Path, loaded: list[Path]
) -> None:
    own = source(tmp_path, [f"text {number}" for number in range(40)])
    others = Source(data=tuple(labelled(tmp_path, ["yes"] * 50)), weight=0.5)

    made = materialise([*own, Mix(sources=(others,))], tmp_path / "cache")
    materialise([*own, Mix(sources=(others,), temperature=1.0)], tmp_path / "cache")

    found = list(read_materialised(made.train))
    assert Counter(Path(one.source).name for one in found) == {
        "source.jsonl": 40,
        "labelled.jsonl": 20,
    }
    assert counts(made)[-1] == RowCount(operator="mix", rows_in=40, rows_out=60)
    assert len(loaded) == 2


def test_another_seed_mixes_in_others(tmp_path: Path) -> None:
    own = source(tmp_path, [f"text {number}" for number in range(40)])
    others = Source(data=tuple(labelled(tmp_path, ["yes"] * 50)), weight=0.5)

    one, other = (
        materialise([*own, Mix(sources=(others,), seed=seed)], tmp_path / "cache")
        for seed in (0, 1)
    )

    assert list(read_materialised(one.train)) != list(read_materialised(other.train))


def test_of_the_samples_that_arrive_only_as_many_are_mixed_as_there_are_of_others(
    tmp_path: Path,
) -> None:
    own = source(tmp_path, [f"text {number}" for number in range(40)])
    others = Source(data=tuple(labelled(tmp_path, ["yes"] * 10)))

    made = materialise([*own, Mix(sources=(others,))], tmp_path / "cache")

    assert counts(made)[-1] == RowCount(
        operator="mix", rows_in=40, rows_out=20, dropped=(Dropped(why="not drawn", samples=30),)
    )


def test_rows_are_chosen_and_taken_apart_before_they_are_mapped(tmp_path: Path) -> None:
    load, _ = source(tmp_path, ["Q: 1+1 A: 2", "Q: 2+2 A: 4", "nothing", "spam"])
    operators = [
        load,
        Where(column="text", values=("spam",), fate="drop"),
        Extract(column="text", pattern=r"Q: (?P<q>.+) A: (?P<a>.+)"),
        Map(mapping=Templates(prompt="{q}", completion="{a}")),
    ]

    made = materialise(operators, tmp_path / "cache")

    assert list(read_materialised(made.train)) == [Sample("1+1", "2"), Sample("2+2", "4")]
    assert [row.rows_out for row in made.rows] == [4, 3, 2, 2]
    assert made.rows[2].dropped == (Dropped(why="no match in text", samples=1),)


def test_every_operator_on_single_samples_is_carried_out_and_says_why(tmp_path: Path) -> None:
    english = "Please tell me where the nearest railway station is."
    texts = [
        english,
        english.replace("nearest", "nearer"),
        "Bitte sagen Sie mir, wo sich der nächste Bahnhof befindet.",
        "see http://x for more",
        "1 2 3 4 5 6 7 8 9",
        "the sealed text that nobody may ever learn from",
    ]
    sealed = tmp_path / "sealed.json"
    sealed.write_text(
        Fingerprint(
            task="toy", splits=("test",), items=1, ngrams=(), texts=(hashed(tokens(texts[5])),)
        ).model_dump_json()
    )
    operators = [
        *source(tmp_path, texts),
        Matching(pattern="https?://", fate="drop"),
        Quality(),
        Language(languages=("en",)),
        Decontaminate(path=str(sealed), sha256=sha256_of(sealed)),
        NearDuplicates(threshold=0.6),
    ]

    made = materialise(operators, tmp_path / "cache")

    assert [one.prompt for one in read_materialised(made.train)] == [english]
    assert [(row.operator, row.dropped[0].why) for row in made.rows[2:]] == [
        ("matching", "matches"),
        ("quality", "few letters"),
        ("language", "in de"),
        ("decontaminate", "a sealed text"),
        ("near_duplicates", "nearly seen before"),
    ]
    assert made.rows[5].named == (f"{tmp_path / 'source.jsonl'}:6",)


def test_the_lineage_of_every_sample_lies_beside_it_in_the_same_order(tmp_path: Path) -> None:
    texts = [f"text {number % 35}" for number in range(50)]
    operators = [*source(tmp_path, texts), Deduplicate(), HoldOut(share=0.2, max_samples=5)]

    made = materialise(operators, tmp_path / "cache")

    assert made.held_out is not None
    for samples, lineage in ((made.train, "lineage"), (made.held_out, "held_out_lineage")):
        beside = parquet.read_table(samples.with_name(f"{lineage}.parquet")).to_pylist()
        found = list(read_materialised(samples))
        assert [(one["source"], one["row"]) for one in beside] == [
            (one.source, one.row) for one in found
        ]
        assert [texts[one.row - 1] for one in found] == [one.prompt for one in found]
        assert len({one["blake2b"] for one in beside}) == len(found)


def test_workers_who_race_share_one_folder_and_leave_no_other(
    tmp_path: Path, loaded: list[Path]
) -> None:
    operators = source(tmp_path, [f"text {number}" for number in range(3000)])
    start = Barrier(6)

    def make(_: int) -> Materialised:
        start.wait()
        return materialise(operators, tmp_path / "cache")

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(make, range(6)))

    assert len(set(made)) == 1
    assert len(loaded) == 1
    assert names(tmp_path / "cache") == [made[0].train.parent.name]
    assert len(list(read_materialised(made[0].train))) == 3000


def test_the_operator_that_dropped_the_last_samples_is_named(tmp_path: Path) -> None:
    operators = [
        *source(tmp_path, ["long", "longer", "long"]),
        Deduplicate(),
        Filter(max_prompt_chars=2, max_completion_chars=9),
        Share(share=0.5),
    ]

    with pytest.raises(DataFailed) as failed:
        materialise(operators, tmp_path / "cache")

    assert str(failed.value) == (
        "data operator 4 of 5, filter: wanted at least one sample to be left of the 2 that "
        "arrived, found none (prompt too long: 2); remove it or loosen it (now "
        "max_prompt_chars=2, max_completion_chars=9)"
    )


def test_a_file_without_rows_is_the_files_fault(tmp_path: Path) -> None:
    operators = [*source(tmp_path, []), Filter(max_prompt_chars=2, max_completion_chars=9)]

    with pytest.raises(DataFailed, match=r"source\.jsonl: wanted at least one row, found none"):
        materialise(operators, tmp_path / "cache")


def test_a_data_set_of_the_hub_is_prepared_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    hub = LoadHub(dataset=str(tmp_path), split="train", revision="0" * 40)
    _, mapping = source(tmp_path, [])

    made = materialise([hub, mapping], tmp_path / "cache")

    assert [one.prompt for one in read_materialised(made.train)] == ["a", "b"]
    assert counts(made)[0] == RowCount(operator="load_hub", rows_in=2, rows_out=2)


def test_a_bad_row_in_the_middle_leaves_nothing_half_written(tmp_path: Path) -> None:
    operators = source(tmp_path, ["a", "b", "\ud83d"])

    with pytest.raises(DataFailed, match="line 3"):
        materialise(operators, tmp_path / "cache")

    assert names(tmp_path / "cache") == []


def test_no_room_is_said_in_a_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    draw = random.Random(0)
    operators = source(tmp_path, [draw.randbytes(1000).hex() for _ in range(100)])

    with room_for(50_000), pytest.raises(DataFailed, match="wanted room for the prepared samples"):
        materialise(operators, tmp_path / "cache")

    assert names(tmp_path / "cache") == []


def test_operators_in_an_order_no_recipe_has_are_a_bug_of_the_caller(tmp_path: Path) -> None:
    load, mapping = source(tmp_path, ["a"])

    with pytest.raises(ValueError, match="begin with load and map"):
        materialise([mapping, load], tmp_path / "cache")


@settings(max_examples=8, deadline=None)
@given(
    texts=st.lists(st.text(min_size=1), min_size=1, max_size=5),
    share=st.floats(0.4, 1.0),
    seed=st.integers(0, 3),
)
def test_the_same_operators_make_the_same_bytes(texts: list[str], share: float, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        operators = [
            *source(here, [*texts, *(f"text {number}" for number in range(60))]),
            Deduplicate(by="sample"),
            Share(share=share, seed=seed),
            HoldOut(share=0.2, max_samples=3, seed=seed),
        ]

        once, again = (materialise(operators, here / cache) for cache in ("once", "again"))

        assert contents(once) == contents(again)
        assert once.rows == again.rows

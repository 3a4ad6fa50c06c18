"""Where prepared data came from, under which licence."""

from pathlib import Path

import pytest

from services.executor.checkpoint import describe
from services.executor.origins import origin_of
from services.executor.pipeline import materialise
from shared.contracts.operators import Load, LoadHub, Map, Mix, Source
from shared.contracts.run import Origin
from shared.rows import sha256_of
from tests.support.examples import MAPPING, RUN_REQUEST, TRAINED

CARD = "---\nlicense: cc-by-4.0\npretty_name: Dates\n---\n# Dates\n"


def load(folder: Path, card: str | None = None) -> Load:
    folder.mkdir()
    file = folder / "rows.jsonl"
    file.write_text('{"text": "a", "iso": "b"}\n{"text": "c", "iso": "d"}\n')
    if card is not None:
        (folder / "README.md").write_text(card)
    return Load(path=str(file), sha256=sha256_of(file))


def test_a_file_has_the_licence_that_the_card_beside_it_states(tmp_path: Path) -> None:
    loaded = load(tmp_path / "dates", CARD)

    assert origin_of(loaded) == Origin(name=loaded.path, version=loaded.sha256, licence="cc-by-4.0")


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense:\n- mit\n- apache-2.0\n---\n", "mit, apache-2.0"),
        ("---\nlicense: [\n---\n", None),
        ("---\njust words\n---\n", None),
        ("---\nlanguage: en\n---\n", None),
        ("# Dates\n---\nlicense: mit\n---\n", None),
        ("---\nlicense: mit\n", None),
        (None, None),
    ],
)
def test_only_a_card_that_states_a_licence_has_one(
    tmp_path: Path, card: str | None, licence: str | None
) -> None:
    assert origin_of(load(tmp_path / "dates", card)).licence == licence


def test_a_data_set_of_the_hub_is_named_with_its_part_split_and_commit(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    hub = LoadHub(dataset=str(tmp_path), config="nine", split="train", revision="a" * 40)

    assert origin_of(hub) == Origin(
        name=f"{tmp_path}, nine, train", version="a" * 40, licence="cc-by-4.0"
    )


def test_the_model_card_lists_every_file_that_was_read_with_its_licence(tmp_path: Path) -> None:
    mine, other = load(tmp_path / "mine"), load(tmp_path / "other", CARD)
    to_samples = Map(mapping=MAPPING)
    mix = Mix(sources=(Source(data=(other, to_samples)),))

    made = materialise((mine, to_samples, mix), tmp_path / "cache")
    describe(tmp_path, RUN_REQUEST, TRAINED.model_copy(update={"rows": made.rows}))

    card = (tmp_path / "README.md").read_text()
    assert f"| {mine.path} | `{mine.sha256}` | not stated |" in card
    assert f"| {other.path} | `{other.sha256}` | cc-by-4.0 |" in card

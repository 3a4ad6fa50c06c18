"""The vault. Real files in a folder."""

import gzip
from pathlib import Path

import pytest

from shared.errors import DataFailed
from shared.rows import read_rows, sha256_of
from shared.vault import opened, seal

ROW = '{"text": "3. März 2021", "iso": "2021-03-03"}\n'


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return tmp_path / "home" / "vault"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "dev.jsonl"
    file.write_text(ROW)
    return file


def columns(path: Path | None) -> list[dict[str, object]]:
    assert path is not None
    return [row.columns for row in read_rows(path)]


def test_sealed_rows_are_named_by_their_content_and_read_as_before(rows: Path, vault: Path) -> None:
    name = seal(rows, vault, "dev")

    assert name == f"sealed:{sha256_of(rows)}"
    assert columns(opened(name, vault, "dev")) == columns(rows)


def test_nobody_but_the_user_may_enter_the_vault(rows: Path, vault: Path) -> None:
    place = opened(seal(rows, vault), vault, "test")

    assert place is not None
    assert place.stat().st_mode & 0o777 == 0o600
    assert vault.stat().st_mode & 0o777 == 0o700


def test_sealing_the_same_rows_twice_keeps_them_once(rows: Path, vault: Path) -> None:
    assert seal(rows, vault, "dev") == seal(rows, vault, "dev")

    assert len([file for file in vault.rglob("*") if file.is_file()]) == 1


def test_packed_rows_keep_the_ending_they_are_read_by(tmp_path: Path, vault: Path) -> None:
    packed = tmp_path / "dev.v2.jsonl.gz"
    packed.write_bytes(gzip.compress(ROW.encode()))

    place = opened(seal(packed, vault), vault, "dev")

    assert place is not None
    assert place.name == f"{sha256_of(packed)}.jsonl.gz"
    assert len(columns(place)) == 1


def test_the_files_of_a_pattern_are_sealed_together_and_read_in_their_order(
    tmp_path: Path, vault: Path
) -> None:
    for name, text in (("b/1", "second"), ("a/2", "first"), ("b/2", "third")):
        file = tmp_path / "rows" / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"text\n{text}\n")
    pattern = tmp_path / "rows" / "**" / "*.csv"

    place = opened(seal(pattern, vault, "test"), vault, "test")

    assert columns(place) == [{"text": "first"}, {"text": "second"}, {"text": "third"}]


def test_rows_sealed_for_test_are_not_opened_as_dev(rows: Path, vault: Path) -> None:
    name = seal(rows, vault, "test")

    with pytest.raises(DataFailed, match="holds to be scored as dev, found none; seal them"):
        opened(name, vault, "dev")


def test_rows_that_were_never_sealed_are_a_sentence(vault: Path) -> None:
    with pytest.raises(DataFailed, match=r"sealed:0+: wanted rows that the evaluator's vault"):
        opened(f"sealed:{'0' * 64}", vault, "dev")


def test_what_is_no_sealed_name_is_left_alone(vault: Path) -> None:
    for data in ("dev.jsonl", "ftbench:sst2/dev", "sealed:../key", f"sealed:{'0' * 63}"):
        assert opened(data, vault, "dev") is None


@pytest.mark.parametrize("way", ["{vault}/rows/test/*", "{vault}/../*/rows/**/*", "{link}"])
def test_no_path_leads_into_the_vault(rows: Path, vault: Path, way: str) -> None:
    seal(rows, vault, "test")
    (inside,) = vault.rglob("*.jsonl")
    link = rows.with_name("link.jsonl")
    link.symlink_to(inside)

    with pytest.raises(DataFailed, match="wanted rows by their name where the evaluator alone"):
        opened(way.format(vault=vault, link=link), vault, "dev")


def test_a_file_that_is_not_there_leaves_nothing_behind(tmp_path: Path, vault: Path) -> None:
    with pytest.raises(DataFailed, match=r"gone.jsonl: wanted a data file, found none"):
        seal(tmp_path / "gone.jsonl", vault, "dev")

    assert [file for file in vault.rglob("*") if file.is_file()] == []


def test_the_same_rows_under_another_ending_are_refused(rows: Path, vault: Path) -> None:
    seal(rows, vault, "dev")
    other = rows.rename(rows.with_suffix(".json"))

    with pytest.raises(DataFailed, match=r"found them in it as \*.jsonl; give the file that"):
        seal(other, vault, "dev")

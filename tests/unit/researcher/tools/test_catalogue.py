import json
from pathlib import Path

import pytest

from services.researcher.tools.catalogue import Catalogue
from shared.answering import GivenUp


def catalogue_of(folder: Path, text: str) -> Path:
    rows = [{"review": f"film {n}", "stars": n} for n in range(8)]
    (folder / "films.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "empty.jsonl").write_text("")
    file = folder / "catalogue.yaml"
    file.write_text(text)
    return file


FILMS = """
- name: films
  path: films.jsonl
  licence: CC-BY-4.0
  description: Reviews of films with stars, written by our staff.
  split: train
"""


def test_a_data_set_at_hand_is_found_by_its_description_and_looked_into(tmp_path: Path) -> None:
    found = Catalogue(catalogue_of(tmp_path, FILMS)).look("film reviews", 3)

    [films] = found.items
    assert (films.name, films.licence, films.rows) == ("films", "CC-BY-4.0", 8)
    assert (films.columns, films.splits) == (("review", "stars"), ("train",))
    assert films.samples[0] == {"review": "film 0", "stars": 0}
    assert len(films.samples) == 5
    assert found.faults == ()


def test_a_data_set_that_the_query_does_not_speak_of_is_left_out(tmp_path: Path) -> None:
    assert Catalogue(catalogue_of(tmp_path, FILMS)).look("legal contracts", 3).items == ()


def test_bad_entries_are_told_and_the_good_ones_stay(tmp_path: Path) -> None:
    bad = """
- name: no path
  description: Reviews that lie nowhere.
- reviews
- name: misspelt
  path: films.jsonl
  description: Reviews again.
  license: MIT
"""

    found = Catalogue(catalogue_of(tmp_path, FILMS + bad)).look("reviews", 5)

    assert [one.name for one in found.items] == ["films"]
    assert [fault.split(":")[0] for fault in found.faults] == [
        "Entry 2 of the catalogue was left out",
        "Entry 3 of the catalogue was left out",
        "Entry 4 of the catalogue was left out",
    ]
    assert "license" in found.faults[2]


@pytest.mark.parametrize(
    ("path", "said"), [("gone.jsonl", "found none"), ("empty.jsonl", "wanted at least one row")]
)
def test_rows_that_cannot_be_read_are_told_without_the_folder(
    tmp_path: Path, path: str, said: str
) -> None:
    file = catalogue_of(tmp_path, FILMS.replace("films.jsonl", path))

    found = Catalogue(file).look("reviews", 3)

    assert found.items == ()
    assert found.faults[0].startswith(f"films of the catalogue was left out: {path}: ")
    assert said in found.faults[0]
    assert str(tmp_path) not in found.faults[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: films", "wants a list of data sets, found a dict"),
        ("- [", "could not be read"),
        (FILMS.replace("train", "2024-13-45"), "could not be read"),
        (FILMS.replace("train", "!!bool perhaps"), "could not be read"),
        (FILMS.replace("train", "!!timestamp now"), "could not be read"),
        ("[" * 5000, "could not be read"),
    ],
)
def test_a_catalogue_that_is_none_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    found = Catalogue(catalogue_of(tmp_path, text)).look("reviews", 3)

    assert said in found.faults[0]


def test_a_catalogue_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    found = Catalogue(tmp_path / "none.yaml").look("reviews", 3)

    assert found.faults[0].startswith("The catalogue none.yaml could not be read: ")


def test_a_data_set_is_looked_into_once(tmp_path: Path) -> None:
    listed = Catalogue(catalogue_of(tmp_path, FILMS))
    before = listed.look("film reviews", 3)

    (tmp_path / "films.jsonl").unlink()

    assert listed.look("stars", 3) == before


def test_a_data_set_that_cannot_be_read_is_told_again(tmp_path: Path) -> None:
    listed = Catalogue(catalogue_of(tmp_path, FILMS.replace("films.jsonl", "empty.jsonl")))

    assert listed.look("stars", 3).faults == listed.look("film reviews", 3).faults != ()


def test_no_data_set_is_looked_into_for_work_that_is_given_up(tmp_path: Path) -> None:
    def give_up() -> None:
        raise GivenUp

    with pytest.raises(GivenUp):
        Catalogue(catalogue_of(tmp_path, FILMS), give_up=give_up).look("reviews", 3)

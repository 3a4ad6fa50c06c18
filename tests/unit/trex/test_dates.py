import json
from collections import defaultdict
from pathlib import Path

from trex.dates import write_dates, write_pretraining_text


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_text_means_one_date_and_no_date_stands_in_two_splits(tmp_path: Path) -> None:
    write_dates(tmp_path, seed=0, train=2000, dev=300, test=300)

    meanings: dict[str, set[str]] = defaultdict(set)
    dates: list[str] = []
    for split in ("train", "dev", "test"):
        for row in rows(tmp_path / f"{split}.jsonl"):
            meanings[row["text"]].add(row["iso"])
            dates.append(row["iso"])

    assert all(len(meaning) == 1 for meaning in meanings.values())
    assert len(set(dates)) == len(dates) == 2600


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_dates(tmp_path / name, seed=3, train=50, dev=5, test=5)
        write_pretraining_text(tmp_path / name / "text", seed=3, lines=200)

    for file in ("train.jsonl", "text"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_pretraining_text_gives_no_answer_away(tmp_path: Path) -> None:
    write_dates(tmp_path, seed=0, train=2000, dev=300, test=300)
    write_pretraining_text(tmp_path / "text", seed=0, lines=5000)
    text = (tmp_path / "text").read_text()

    answers = [row["iso"] for row in rows(tmp_path / "test.jsonl")]

    assert [iso for iso in answers if iso in text] == []

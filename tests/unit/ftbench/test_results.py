import json
from pathlib import Path

import pytest

from ftbench.results import Measured, read_result, write_result
from shared.errors import Rejected
from tests.support.results import toy_result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result.json"


def test_a_result_is_read_as_it_was_written(path: Path) -> None:
    result = toy_result(None, None, model=None, notes=("“made up”",), baselines={"copy": None})

    write_result(result, path)

    assert read_result(path) == result
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]


def test_a_result_replaces_a_longer_file_whole(path: Path) -> None:
    path.write_text("x" * 100_000)

    write_result(toy_result(), path)

    assert json.loads(path.read_text())["n"] == 40


def test_the_headline_is_the_score_of_the_metric() -> None:
    parts = {"law": Measured(value=0.1, stderr=None), "accuracy": Measured(value=0.2, stderr=None)}

    assert toy_result(scores=parts).headline.value == 0.2
    assert toy_result(scores=parts, metric="law").headline.value == 0.1


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        read_result(path)

    assert str(refused.value) == f"wanted a result, found nothing at {path}; check the path"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"task": "toy"', "Expecting ',' delimiter: line 1 column 15 (char 14)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_what_is_no_json_is_no_result(path: Path, raw: bytes, found: str) -> None:
    path.write_bytes(raw)

    with pytest.raises(Rejected) as refused:
        read_result(path)

    assert str(refused.value) == (
        f"{path}: wanted a result as `ftbench score --out` writes it, found {found}"
    )


def test_other_json_is_no_result(path: Path) -> None:
    path.write_text('{"id": "q/1", "prediction": "yes"}')

    with pytest.raises(Rejected) as refused:
        read_result(path)

    told = str(refused.value)
    assert told.startswith(f"{path}: task: is required and missing; add it; ")
    assert "id: no such field; remove it or check its spelling" in told


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("version", 2, "version: "), ("n", "many", "n: "), ("rank", 1, "rank: no such field")],
)
def test_a_result_of_another_shape_is_refused(
    path: Path, field: str, value: object, told: str
) -> None:
    path.write_text(json.dumps({**toy_result().model_dump(mode="json"), field: value}))

    with pytest.raises(Rejected) as refused:
        read_result(path)

    assert str(refused.value).startswith(f"{path}: {told}")

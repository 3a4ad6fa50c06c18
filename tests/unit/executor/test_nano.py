from pathlib import Path

import pytest

from services.executor.nano import main, make_nano_base
from shared.errors import Rejected
from tests.support.nano import make_base


def quiet(_: str) -> None:
    return None


def test_a_base_model_is_whole_and_readable_by_every_service(tmp_path: Path) -> None:
    base = make_base(tmp_path)

    modes = {file.name: file.stat().st_mode & 0o777 for file in base.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(modes)
    assert set(modes.values()) == {0o644}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_same_seed_and_text_make_the_same_model(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append((make_base(tmp_path / name) / "model.safetensors").read_bytes())

    assert made[0] == made[1]


def test_an_empty_text_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")

    status = main([str(tmp_path / "empty.txt"), "--out", str(tmp_path / "base")])

    assert status == 2
    assert "wanted one document a line, found none" in capsys.readouterr().err
    assert not (tmp_path / "base").exists()


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    base = make_base(tmp_path)

    with pytest.raises(Rejected, match="found it there; move it or choose another"):
        make_nano_base(tmp_path / "text.txt", base, progress=quiet)

"""Which server gives way. What they do when they are up is tested against real ones."""

from pathlib import Path

import pytest

from services.evaluator.vllm.pool import Pool, slot_of
from services.evaluator.vllm.server import Model, Served, first_error
from shared.errors import Rejected, ScoringFailed

BASE = Model("base", adapters=True)
ONE, TWO, THREE = (Model(name, adapters=False) for name in ("one", "two", "three"))


def restarted(asked: list[Model], *, places: int) -> list[Model]:
    """Return the models that a server is started for, asked for one after another."""
    held: list[Model | None] = [None] * places
    started = []
    for wanted in asked:
        at = slot_of(wanted, held)
        if held.pop(at) != wanted:
            started.append(wanted)
        held.append(wanted)
    return started


def test_a_model_stays_where_it_is_and_a_new_one_takes_an_empty_place() -> None:
    assert slot_of(BASE, [ONE, BASE, None]) == 1
    assert slot_of(TWO, [ONE, BASE, None]) == 2


def test_the_model_that_was_not_asked_for_longest_gives_way() -> None:
    assert slot_of(THREE, [ONE, BASE, TWO]) == 0


def test_adapters_between_whole_models_restart_no_server_where_two_may_be_up() -> None:
    asked = [BASE, ONE, BASE, TWO, BASE, BASE, THREE, BASE]

    assert restarted(asked, places=2) == [BASE, ONE, TWO, THREE]
    assert restarted(asked, places=1).count(BASE) == 4


@pytest.mark.parametrize("python", ["nowhere/python", "/bin/false"])
def test_an_interpreter_without_vllm_is_refused_before_anything_is_scored(
    python: str, tmp_path: Path
) -> None:
    with pytest.raises(Rejected, match="wanted an interpreter with vLLM, found none at"):
        Pool(Served(Path(python), 64, (), tmp_path))


def test_of_two_devices_each_gets_a_server(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$1" = -c ] && echo 0.32.0 && exit\n'
        'echo "ValueError: device $CUDA_VISIBLE_DEVICES"\n'
    )
    python.chmod(0o755)
    pool = Pool(Served(python, 64, (), tmp_path, devices=("0", "1")))

    for model, device in ((ONE, 0), (TWO, 1), (ONE, 0)):
        with pytest.raises(ScoringFailed, match=f"no server came up .ValueError: device {device}"):
            pool.api(model)


def test_of_a_servers_log_the_first_error_is_told(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    log.write_text(
        "(APIServer pid=9) WARNING 11-26 [a.py:2] This may cause `OSError: [Errno 24] Too many`\n"
        "(EngineCore pid=7) ERROR 11-26 08:56:47 [core.py:17] ValueError: no room for the model\n"
        "(APIServer pid=9) RuntimeError: Engine core initialization failed. See root cause above.\n"
    )

    assert first_error(log) == "ValueError: no room for the model"

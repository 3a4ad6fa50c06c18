"""What a job knows of its rows once it is handed over."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.evaluator.key import signing_key
from shared.rows import sha256_of
from shared.settings import ClientSettings
from shared.vault import opened
from tests.support.examples import JOB, SPEC
from tests.support.sealed import ledger
from trex.cli import app
from trex.sealing import files_to_score_on, known_key, known_scores, vault_of, with_sealed_rows


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    paths = {split: tmp_path / f"{split}.jsonl" for split in ("train", "dev", "confirm", "test")}
    for split, path in paths.items():
        path.write_text(f'{{"text": "{split}", "iso": "1"}}\n')
    return {split: str(path) for split, path in paths.items()}


def test_a_job_names_the_rows_it_is_scored_on_by_their_content(
    files: dict[str, str], tmp_path: Path
) -> None:
    spec = SPEC.model_copy(update={"data": SPEC.data.model_copy(update=files)})

    sealed = with_sealed_rows(spec, ClientSettings(home=tmp_path / "home"))

    assert sealed.data.files() == {
        split: path if split == "train" else f"sealed:{sha256_of(Path(path))}"
        for split, path in files.items()
    }
    for split in ("dev", "confirm", "test"):
        place = opened(getattr(sealed.data, split), tmp_path / "home" / "vault", split)
        assert place is not None
        assert place.read_text() == Path(files[split]).read_text()


def test_the_files_of_a_job_that_lie_about_are_all_but_those_to_learn_from(
    files: dict[str, str], tmp_path: Path
) -> None:
    changed = files | {"confirm": str(tmp_path / "con*.jsonl"), "test": SPEC.data.test}
    spec = SPEC.model_copy(update={"data": SPEC.data.model_copy(update=changed)})

    assert files_to_score_on(spec) == [Path(files["dev"]), Path(files["confirm"])]


def test_names_that_are_sealed_already_stay(tmp_path: Path) -> None:
    assert with_sealed_rows(SPEC, ClientSettings(home=tmp_path)) == SPEC
    assert not (tmp_path / "vault").exists()


def test_a_system_elsewhere_has_its_vault_elsewhere(files: dict[str, str], tmp_path: Path) -> None:
    spec = SPEC.model_copy(update={"data": SPEC.data.model_copy(update=files)})
    elsewhere = ClientSettings(home=tmp_path / "home", url="http://planner:8686")

    assert with_sealed_rows(spec, elsewhere) == spec
    assert not (tmp_path / "home").exists()


def test_rows_go_into_the_vault_of_a_system_elsewhere_where_it_is_named(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SPEC.model_copy(update={"data": SPEC.data.model_copy(update=files)})
    ledger(tmp_path / "vault")
    beside = ClientSettings(home=tmp_path / "home", url="http://planner:8686")
    monkeypatch.setenv("TREX_EVALUATOR_VAULT", str(tmp_path / "vault"))

    sealed = with_sealed_rows(spec, beside)

    assert opened(sealed.data.dev, tmp_path / "vault", "dev") is not None
    assert known_key(beside) == signing_key(tmp_path / "vault").public
    assert known_scores(beside, JOB) == 4


def test_a_vault_may_be_named_and_lies_in_the_home_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vault_of(tmp_path) == tmp_path / "vault"

    monkeypatch.setenv("TREX_EVALUATOR_VAULT", "/vault")

    assert vault_of(tmp_path) == Path("/vault")


def test_sealing_by_hand_prints_the_name_alone(files: dict[str, str], tmp_path: Path) -> None:
    runner = CliRunner(env={"TREX_HOME": str(tmp_path / "home"), "TREX_URL": None})

    done = runner.invoke(app, ["seal", files["test"], "--split", "test"])

    assert (done.exit_code, done.stdout) == (0, f"sealed:{sha256_of(Path(files['test']))}\n")
    assert opened(done.stdout.strip(), tmp_path / "home" / "vault", "test") is not None


def test_what_the_vault_here_knows_of_a_job_is_not_taken_for_a_system_elsewhere(
    tmp_path: Path,
) -> None:
    ledger(tmp_path / "vault")
    here = ClientSettings(home=tmp_path)
    elsewhere = ClientSettings(home=tmp_path, url="http://planner:8686")

    assert known_key(here) == signing_key(tmp_path / "vault").public
    assert known_scores(here, JOB) == 4
    assert (known_key(elsewhere), known_scores(elsewhere, JOB)) == (None, None)

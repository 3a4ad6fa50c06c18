import re
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.settings import ClientSettings, LlmSettings
from tests.unit.trex.canned_system import CannedSystem
from trex.doctor import (
    GIB,
    PACKAGES,
    Finding,
    disk,
    examine,
    has_problem,
    language_model,
    package,
)
from trex.fake_llm.answers import Says
from trex.fake_llm.server import FakeLlm

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
EXTRAS = (
    "queue",
    "artifacts",
    "planner",
    "researcher",
    "executor",
    "evaluator",
    "scorer",
    "demo",
    "ftbench",
    "local",
)


def test_the_packages_looked_for_are_the_ones_that_are_declared() -> None:
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    wanted = [need for extra in EXTRAS for need in extras[extra] if "open-trex" not in need]

    declared = [re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", need) for need in wanted]

    assert {found[1]: found[2] for found in declared if found} == PACKAGES


def test_a_package_that_is_missing_or_old_is_a_problem() -> None:
    assert package("no-such-package-anywhere", "1").verdict == "problem"
    assert package("pydantic", "9999").verdict == "problem"
    assert package("pydantic", "2.11").verdict == "ok"


def test_versions_are_compared_as_numbers() -> None:
    assert package("rich", "9.99").verdict == "ok"


def test_little_disk_is_a_warning_and_none_a_problem(tmp_path: Path) -> None:
    verdicts = [disk(tmp_path, free).verdict for free in (GIB // 2, 5 * GIB, 50 * GIB)]

    assert verdicts == ["problem", "warning", "ok"]


def test_a_home_that_does_not_exist_yet_is_no_problem(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"

    found = {finding.what: finding for finding in examine(ClientSettings(home=home))}

    assert {found[what].verdict for what in ("home", "ports", "system")} == {"ok"}
    assert not home.exists()


def test_a_system_that_turns_us_away_is_a_warning(tmp_path: Path) -> None:
    with CannedSystem() as system:
        text = f'{{"url": "{system.address.url}", "token": "guess"}}'
        (tmp_path / "connection.json").write_text(text)

        (up,) = (f for f in examine(ClientSettings(home=tmp_path)) if f.what == "system")

    assert up.verdict == "warning"
    assert "refuses the token" in up.sentence


def test_a_system_that_is_up_is_found(tmp_path: Path) -> None:
    with CannedSystem() as system:
        text = f'{{"url": "{system.address.url}", "token": "secret"}}'
        (tmp_path / "connection.json").write_text(text)

        up = [f for f in examine(ClientSettings(home=tmp_path)) if f.what == "system"]
    gone = [f for f in examine(ClientSettings(home=tmp_path)) if f.what == "system"]

    assert [finding.verdict for finding in (*up, *gone)] == ["ok", "warning"]
    assert up[0].sentence.endswith("cpu (16 GiB); 2 x H100 (16 GiB, bf16, 4 bits)")
    assert not has_problem(gone)


def doctored(fake: FakeLlm, name: str = "fake") -> Finding:
    return language_model(LlmSettings(base_url=fake.url), name)


def test_a_language_model_that_answers_is_told_with_what_it_can() -> None:
    with FakeLlm(window=9000) as fake:
        found = doctored(fake)

    assert found.verdict == "ok"
    assert found.sentence.endswith("/v1: 9,000 tokens, follows JSON schemas")


def test_a_language_model_that_takes_no_schemas_is_told() -> None:
    with FakeLlm(takes_schemas=False) as refuses, FakeLlm(lambda _, __: Says("yes")) as overlooks:
        said = [doctored(fake).sentence for fake in (refuses, overlooks)]

    assert all("is told JSON schemas in words" in sentence for sentence in said)


def test_a_language_model_that_is_not_there_is_a_warning() -> None:
    with FakeLlm() as fake:
        unknown = doctored(fake, "other")
    gone = doctored(fake)

    assert {unknown.verdict, gone.verdict} == {"warning"}
    assert "found that it has fake; correct TREX_RESEARCHER_MODEL" in unknown.sentence
    assert "correct OPENAI_BASE_URL; until then rules propose" in gone.sentence


def test_a_key_that_a_language_model_refuses_is_not_shown() -> None:
    with FakeLlm(key="another") as fake:
        settings = LlmSettings(base_url=fake.url, api_key=SecretStr("of-the-user"))
        found = language_model(settings, "fake")

    assert "correct OPENAI_API_KEY" in found.sentence
    assert "of-the-user" not in found.sentence


def test_a_language_model_is_looked_for_where_one_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ClientSettings(home=tmp_path)
    with FakeLlm() as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        without = [finding.what for finding in examine(settings)]
        monkeypatch.setenv("TREX_RESEARCHER_MODEL", "fake")
        with_one = {finding.what: finding.verdict for finding in examine(settings)}

    assert "language model" not in without
    assert with_one["language model"] == "ok"

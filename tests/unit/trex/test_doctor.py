import re
import tomllib
from pathlib import Path

from shared.settings import ClientSettings
from tests.unit.trex.canned_system import CannedSystem
from trex.doctor import GIB, PACKAGES, disk, examine, has_problem, package

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
EXTRAS = ("queue", "planner", "researcher", "executor", "evaluator", "ftbench", "local")


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

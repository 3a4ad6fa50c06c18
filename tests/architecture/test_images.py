"""What images and the compose file promise, as their files say it; tests/compose runs them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = ("planner", "researcher", "executor", "evaluator")
HASHED = (*SERVICES, "demo", "beneath_torch")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    found = [line.removesuffix(" \\").split("==") for line in lines if "==" in line]
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


def dockerfile(service: str) -> str:
    return (ROOT / "services" / service / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", HASHED)
def test_an_image_has_the_versions_that_are_tested_each_with_its_hashes(name: str) -> None:
    tested, installed = pins("constraints"), pins(name)

    assert {package: installed[package] for package in installed.keys() & tested} == {
        package: tested[package] for package in installed.keys() & tested
    }
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements" / f"{name}.txt").read_text())
    assert len(blocks) == len(installed)
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_no_image_but_those_with_a_step_for_it_has_torch() -> None:
    assert [name for name in HASHED if "torch" in pins(name)] == []
    assert [s for s in SERVICES if "torch.txt" in dockerfile(s)] == ["executor", "evaluator"]


def test_the_planner_uses_no_part_of_scipy_that_its_image_leaves_away() -> None:
    folders = (ROOT / "services" / "planner", ROOT / "shared")
    code = "\n".join(file.read_text() for folder in folders for file in folder.rglob("*.py"))

    assert set(re.findall(r"^\s*(?:from|import) (scipy\S*)", code, re.MULTILINE)) == {
        "scipy.special"
    }


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_labelled_with_the_version_of_the_package(service: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert re.findall(r"ARG VERSION=(\S+)", dockerfile(service)) == [version]


@pytest.mark.parametrize("service", ["planner", "researcher", "executor"])
def test_no_answers_of_the_benchmark_are_copied_where_recipes_are_made_or_trained(
    service: str,
) -> None:
    copied = re.findall(r"^COPY (\S*ftbench\S*)", dockerfile(service), re.MULTILINE)

    assert set(copied) <= {"ftbench/__init__.py", "ftbench/metrics"}
    assert not re.search(r"^(COPY|ADD) \.", dockerfile(service), re.MULTILINE)


def test_the_evaluator_alone_sees_the_sealed_volumes(compose: dict[str, Any]) -> None:
    for sealed in ("vault:", "${FTBENCH_DATA:-ftbench}:"):
        seeing = {
            name
            for name, service in compose["services"].items()
            if any(str(volume).startswith(sealed) for volume in service.get("volumes", ()))
        }

        assert seeing == {"evaluator", "evaluator-gpu"}


def test_every_container_of_ours_is_confined(compose: dict[str, Any]) -> None:
    ours = {name: s for name, s in compose["services"].items() if "build" in s}

    assert ours.keys() >= {"redis", "demo", *SERVICES}
    for service in ours.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_engine_waits_longer_than_a_run_that_is_told_to_leave(compose: dict[str, Any]) -> None:
    for name in ("executor", "executor-gpu"):
        executor = compose["services"][name]
        patience_s = float(executor["stop_grace_period"].removesuffix("s"))

        assert patience_s > float(executor["environment"]["TREX_QUEUE_STOP_GRACE_S"])


def test_a_service_knows_no_password_but_its_own(compose: dict[str, Any]) -> None:
    secrets = {f"REDIS_{service.upper()}_PASSWORD": service for service in SERVICES}

    for service in SERVICES:
        said = str(compose["services"][service]["environment"])
        assert [whose for name, whose in secrets.items() if name in said] == [service]

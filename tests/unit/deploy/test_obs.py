"""The dashboard and the alerts, as far as they can be checked without Grafana."""

import json
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml

from tests.support.gpus import FIRST, make_nvidia_smi
from tests.support.instruments import Instrument, in_prometheus, instruments

OBS = Path("deploy/obs")
DASHBOARD = json.loads((OBS / "dashboard.json").read_text())
RULES = yaml.safe_load((OBS / "alerts.yaml").read_text())["groups"][0]["rules"]
COMPOSE = yaml.safe_load(Path("docker-compose.yml").read_text())["services"]["obs"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

VARIABLES = {"$__rate_interval": "4m", "$job": ".*"}
"""What Grafana puts in before it asks Prometheus."""


def expressions() -> Iterator[tuple[str, str]]:
    """Yield who asks Prometheus, and what."""
    for panel in PANELS:
        for target in panel["targets"]:
            if target["datasource"]["uid"] == "prometheus":
                yield panel["title"], target["expr"]
    for rule in RULES:
        yield rule["title"], rule["data"][0]["model"]["expr"]


def names_in(expression: str) -> set[str]:
    """Return the time series that an expression reads."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    names: set[str] = set()

    def visit(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector) and part.name is not None:
            names.add(part.name)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return names


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Instrument]:
    return instruments(make_nvidia_smi(tmp_path_factory.mktemp("smi"), FIRST))


@pytest.fixture(scope="module")
def series(made: list[Instrument]) -> set[str]:
    return in_prometheus(made)


def test_what_is_sent_and_what_is_fetched_has_one_name(made: list[Instrument]) -> None:
    """Of a gauge of unit 1, what fetches ``/metrics`` makes no ratio; what is sent becomes one."""
    assert [name for kind, name, unit in made if "gauge" in kind and unit == "1"] == []


def test_names_in_prometheus_have_their_unit_at_the_end(series: set[str]) -> None:
    assert {
        "trex_work_queued",
        "trex_work_oldest_seconds",
        "trex_gpu_memory_used_bytes",
        "trex_runs_total",
        "trex_planner_step_duration_seconds_bucket",
        "gen_ai_client_token_usage_sum",
    } <= series


@pytest.mark.parametrize(("who", "expression"), list(expressions()))
def test_what_panels_and_alerts_read_is_what_the_services_measure(
    who: str, expression: str, series: set[str]
) -> None:
    names = names_in(expression)

    assert names, who
    assert names <= series, who


def test_panels_and_alerts_have_ids_of_their_own() -> None:
    panels = [panel["id"] for panel in DASHBOARD["panels"]]
    rules = [rule["uid"] for rule in RULES]

    assert len(set(panels)) == len(panels) > 10
    assert len(set(rules)) == len(rules) == 5


def test_every_panel_says_what_it_shows_in_which_unit() -> None:
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_panels_do_not_cover_each_other() -> None:
    covered = [
        (x, y)
        for at in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(set(covered)) == len(covered)
    assert max(x for x, _ in covered) < 24


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    documented = Path("docs/observability.md").read_text()
    for rule in RULES:
        said = rule["annotations"]
        assert said["summary"].endswith("."), rule["uid"]
        assert said["description"].endswith("."), rule["uid"]
        assert f"**{rule['title']}.**" in documented


def test_an_alert_fires_where_its_question_has_an_answer() -> None:
    for rule in RULES:
        question, condition = rule["data"]
        assert condition["refId"] == rule["condition"]
        assert condition["model"]["expression"] == question["refId"]
        assert question["model"]["instant"], rule["uid"]


def test_nothing_in_the_alerts_is_taken_for_a_variable_of_grafanas_environment() -> None:
    assert "$" not in (OBS / "alerts.yaml").read_text()


def test_compose_hands_over_every_file_and_where_the_dashboard_is_looked_for() -> None:
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["volumes"])
    [provider] = yaml.safe_load((OBS / "dashboards.yaml").read_text())["providers"]

    assert {source for source in mounts if source.startswith("./")} == {
        f"./{file}" for file in OBS.iterdir()
    }
    assert mounts["./deploy/obs/dashboard.json"].startswith(provider["options"]["path"])


def test_only_this_machine_reaches_what_needs_no_password() -> None:
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["ports"])

from pathlib import Path

import pytest

from shared.errors import Rejected
from shared.settings import (
    READERS,
    EvaluatorSettings,
    LauncherSettings,
    QueueSettings,
    TeacherSettings,
    read_settings,
)


def test_a_misspelt_variable_stops_a_service() -> None:
    with pytest.raises(Rejected, match="nothing reads TREX_QUEUE_HEARTBEAT;"):
        read_settings({"TREX_QUEUE_HEARTBEAT": "5", "PATH": "/bin"})


def test_a_value_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREX_PLANNER_PORT", "70000")

    with pytest.raises(Rejected, match="port: Input should be less than or equal to 65535, got"):
        read_settings({"TREX_PLANNER_PORT": "70000"})


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"KIND": "kubernetes"}, "kind kubernetes needs image and volumes"),
        ({"PROCESSES": "2"}, "several processes need kind accelerate, slurm or kubernetes"),
        ({"VOLUMES": "trex:/artifacts"}, "volumes"),
    ],
)
def test_a_launcher_that_cannot_work_stops_a_service(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    environ = {f"TREX_LAUNCHER_{name}": value for name, value in variables.items()}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Rejected, match=rf"TREX_LAUNCHER_\*: .*{said}"):
        read_settings(environ)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DEVICES": "0,1", "SERVERS": "2"}, "leave vllm_servers out"),
        ({"DEVICES": "0,,1"}, "vllm_devices"),
        ({"SERVERS": "0"}, "vllm_servers"),
    ],
)
def test_servers_of_vllm_that_cannot_be_stop_a_service(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    environ = {f"TREX_EVALUATOR_VLLM_{name}": value for name, value in variables.items()}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Rejected, match=rf"TREX_EVALUATOR_\*: .*{said}"):
        read_settings(environ)


def test_money_that_is_capped_needs_the_price_of_the_model_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TREX_RESEARCHER_MONEY_PER_DAY", "5")
    read_settings({})

    monkeypatch.setenv("TREX_RESEARCHER_MODEL", "qwen")
    wanted = "wanted a price of 'qwen' because money_per_day caps money, found none; add it to TREX"
    with pytest.raises(Rejected, match=wanted):
        read_settings({})


def test_claims_and_where_they_are_mounted_are_read_as_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TREX_LAUNCHER_VOLUMES", '{"trex": "/artifacts", "rows": "/data"}')

    assert LauncherSettings().volumes == {"trex": Path("/artifacts"), "rows": Path("/data")}


def test_the_lease_outlives_three_heartbeats_and_the_stop() -> None:
    settings = QueueSettings(heartbeat_s=2, stop_grace_s=5)

    assert settings.lease_s == 11


def test_the_servers_password_is_not_printed() -> None:
    settings = QueueSettings.model_validate({"url": "redis://:hunter2@localhost/0"})

    assert "hunter2" not in repr(settings)


def test_a_teachers_key_is_not_printed() -> None:
    settings = TeacherSettings.model_validate({"key": "hunter2"})

    assert "hunter2" not in repr(settings)


def test_a_teacher_left_empty_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "KEY", "REQUESTS_PER_MINUTE"):
        monkeypatch.setenv(f"TREX_TEACHER_{name}", "")

    settings = TeacherSettings()

    assert (settings.url, settings.key, settings.requests_per_minute) == (None, None, None)


def test_the_example_environment_names_every_variable_and_no_other() -> None:
    lines = Path(".env.example").read_text().splitlines()
    named = {line.lstrip("# ").split("=")[0] for line in lines if "=" in line}

    assert {name for name in named if name.startswith(("TREX_", "FTBENCH_", "OPENAI_", "S2_"))} == {
        f"{reader.model_config['env_prefix']}{field}".upper()
        for reader in READERS
        for field in reader.model_fields
    }


def test_the_example_environment_is_read_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Path(".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line.startswith("TREX_"))
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    read_settings(given)

    assert (EvaluatorSettings().max_lora_rank, len(given) > 10) == (64, True)

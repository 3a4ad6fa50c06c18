"""When each alert fires, asked of Prometheus' own tool where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

RULES = yaml.safe_load(Path("deploy/obs/alerts.yaml").read_text())["groups"][0]["rules"]
PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(
    PROMTOOL is None, reason="wants promtool (package prometheus) on the PATH"
)

Series = dict[str, str]
"""Values a minute apart, in the tool's notation: ``0+60x9`` climbs by 60 nine times."""

ALIVE = {'trex_workers{service="executor"}': "2x60", 'trex_workers{service="evaluator"}': "1x60"}
SILENT = {'trex_job_silence_seconds{job_id="j"}': "0+60x60"}
IDLE = {'trex_work_leased{service="executor"}': "0x60"}
BUSY = {'trex_work_leased{service="executor"}': "1x60"}
WAITING = {'trex_work_oldest_seconds{service="executor"}': "0+60x60"}
EXECUTOR = 'trex_workers{service="executor"}'


@pytest.mark.parametrize(
    ("series", "minute", "fires"),
    [
        pytest.param(ALIVE, 30, None, id="all is well"),
        pytest.param({"up": "1x60"}, 30, "trex-planner-silent", id="no planner was ever there"),
        pytest.param({EXECUTOR: "2x5"}, 30, "trex-planner-silent", id="the planner died"),
        pytest.param(ALIVE | SILENT | IDLE, 30, "trex-job-stalled", id="nobody does anything"),
        pytest.param(ALIVE | SILENT | IDLE, 10, None, id="not for long"),
        pytest.param(ALIVE | SILENT | BUSY, 30, None, id="a run trains"),
        pytest.param(
            ALIVE | BUSY | {'trex_job_silence_seconds{job_id="j"}': "21000+60x60"},
            30,
            "trex-job-stalled",
            id="a run trains for six hours",
        ),
        pytest.param({EXECUTOR: "2x9 1x50"}, 20, "trex-worker-dead", id="one of two is gone"),
        pytest.param({EXECUTOR: "2x9 1x50"}, 50, None, id="it was stopped on purpose"),
        pytest.param({EXECUTOR: "1x9 2x50"}, 20, None, id="one more came"),
        pytest.param(ALIVE | WAITING | IDLE, 20, "trex-queue-old", id="work waits for the idle"),
        pytest.param(ALIVE | WAITING | BUSY, 20, None, id="work waits for the busy"),
        pytest.param(
            ALIVE | BUSY | {'trex_work_oldest_seconds{service="executor"}': "7000+60x60"},
            20,
            "trex-queue-old",
            id="work waits for two hours",
        ),
        pytest.param(
            ALIVE | {'trex_job_budget_used{job_id="j"}': "0.7+0.01x60"},
            15,
            "trex-budget-80",
            id="a budget runs out",
        ),
    ],
)
def test_an_alert_fires_when_there_is_something_to_do(
    series: Series, minute: int, fires: str | None, tmp_path: Path
) -> None:
    rules = [
        {"alert": rule["uid"], "expr": f"({question(rule)}) > 0", "for": rule["for"]}
        for rule in RULES
    ]
    about = {"trex-planner-silent": {}, "trex-job-stalled": {"job_id": "j"}}
    about["trex-budget-80"] = about["trex-job-stalled"]
    labels = about.get(fires or "", {"service": "executor"})
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {
                "eval_time": f"{minute}m",
                "alertname": rule["uid"],
                "exp_alerts": [{"exp_labels": labels}] if rule["uid"] == fires else [],
            }
            for rule in RULES
        ],
    }
    groups = [{"name": "open-trex", "interval": "1m", "rules": rules}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [case]})
    )

    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def question(rule: dict[str, list[dict[str, dict[str, str]]]]) -> str:
    return rule["data"][0]["model"]["expr"]

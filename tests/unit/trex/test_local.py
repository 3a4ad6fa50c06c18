import pytest

from trex.local import seen_by

EVALUATORS = {
    "FTBENCH_DATA": "/sealed",
    "TREX_EVALUATOR_SCORER": "vllm",
    "TREX_JUDGE_KEY": "secret",
}
EXECUTORS = {"TREX_TEACHER_KEY": "secret", "TREX_LAUNCHER_KIND": "accelerate"}
EVERYBODYS = {"PATH": "/bin", "TREX_LOG_FORMAT": "json", "TREX_QUEUE_URL": "redis://"}


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("evaluator", EVALUATORS),
        ("executor", EXECUTORS),
        ("executor-2", EXECUTORS),
        ("planner", {}),
        ("researcher", {}),
    ],
)
def test_a_service_sees_what_is_meant_for_it_alone_or_for_all(
    service: str, own: dict[str, str]
) -> None:
    assert seen_by(service, EVERYBODYS | EVALUATORS | EXECUTORS) == EVERYBODYS | own

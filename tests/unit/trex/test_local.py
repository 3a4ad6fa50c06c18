from trex.local import seen_by

ENVIRONMENT = {"PATH": "/bin", "FTBENCH_DATA": "/sealed", "TREX_TEACHER_KEY": "secret"}


def test_only_the_evaluator_sees_where_sealed_answers_lie() -> None:
    assert seen_by("evaluator", ENVIRONMENT) == {"PATH": "/bin", "FTBENCH_DATA": "/sealed"}


def test_only_executors_see_the_key_of_a_teacher() -> None:
    for name in ("executor", "executor-2"):
        assert seen_by(name, ENVIRONMENT) == {"PATH": "/bin", "TREX_TEACHER_KEY": "secret"}
    for name in ("planner", "researcher"):
        assert seen_by(name, ENVIRONMENT) == {"PATH": "/bin"}

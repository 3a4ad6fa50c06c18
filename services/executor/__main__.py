"""Starts an executor. The only place that reads the environment.

python -m services.executor [capabilities]
"""

import sys


def main() -> int:
    """Answer messages until SIGTERM or Ctrl-C, or say what this machine can train.

    Returns the exit status.
    """
    if sys.argv[1:] == ["capabilities"]:
        from services.executor.trainers.capabilities import capabilities

        print(capabilities().model_dump_json(indent=2))
        return 0
    if sys.argv[1:]:
        sys.stderr.write(f"executor: wanted no argument or 'capabilities', found {sys.argv[1:]}\n")
        return 2
    # Imported here because training processes import this module again, and need none of it.
    from services.executor.worker import run
    from shared.entry import enter
    from shared.settings import ArtifactSettings, QueueSettings, TeacherSettings

    return enter("executor", lambda: run(QueueSettings(), ArtifactSettings(), TeacherSettings()))


if __name__ == "__main__":
    sys.exit(main())

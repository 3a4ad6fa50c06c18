"""The process in which answers are graded: lines of JSON in, a line for each out."""

import json
import os
import sys

from shared.graders.confinement import Unconfined, confine, limit
from shared.graders.kinds import Unfit, grade_of, load


def main() -> None:
    """Grade every line of the input, until one cannot be graded.

    The first line says with what. The process confines itself before it looks at what the job
    brought, and leaves without another word of the user's.
    """
    out = sys.stdout
    sys.stdout = sys.stderr  # what a grader prints is no grade

    def say(what: str, found: object) -> None:
        out.write(json.dumps({what: found}) + "\n")
        out.flush()

    order = json.loads(sys.stdin.readline())
    limit(cpu_s=order["seconds"], output_bytes=order["output_bytes"])
    try:
        load(order["grader"]["kind"])
        confine()
        grade = grade_of(order["grader"])
        for line in sys.stdin:
            say("grade", _number(grade(*json.loads(line))))
    except Unconfined as error:
        say("unconfined", str(error))
    except Unfit as error:
        say("unfit", str(error))
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is told
        say("unfit", f"raised {type(error).__name__}: {error}"[:300])
    os._exit(0)


def _number(found: object) -> float:
    if not isinstance(found, int | float) or not 0.0 <= found <= 1.0:
        raise Unfit(f"returned {found!r}"[:120])
    return float(found)

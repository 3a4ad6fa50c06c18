"""A worker whose work always fails: ``python -m tests.support.failing_worker SERVICE``."""

import sys
from typing import cast

from shared.answering import Lease
from shared.contracts.run import Failed
from shared.contracts.work import Result, Service
from shared.serving import serve
from shared.settings import QueueSettings
from tests.support.examples import PROGRESS


def fail(lease: Lease) -> Result:
    lease.say(PROGRESS)
    return Failed(error="Made", detail="made to fail")


if __name__ == "__main__":
    serve(cast(Service, sys.argv[1]), QueueSettings(), perform=fail)

"""How many executors each job may keep busy. Pure."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor

from shared.contracts.base import JobId


def shares(weights: Mapping[JobId, float], workers: int) -> dict[JobId, int]:
    """Return each job's share of the workers: in proportion to its weight, and never none.

    What is left after whole workers goes to the largest remainders, the older job first. With more
    jobs than workers every job keeps one run queued, and the queue takes turns.

    Source: the largest remainder method (Hamilton).
    """
    total = sum(Fraction(weight) for weight in weights.values())
    quotas = {job: Fraction(weight) * workers / total for job, weight in weights.items()}
    given = {job: floor(quota) for job, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda job: given[job] - quotas[job])
    for job in by_remainder[: workers - sum(given.values())]:
        given[job] += 1
    return {job: max(1, count) for job, count in given.items()}

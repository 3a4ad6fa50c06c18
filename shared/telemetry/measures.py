"""The instruments of all services: what each is called, and in which unit it counts."""

from opentelemetry.metrics import get_meter

_meter = get_meter("trex")

RUNS = _meter.create_counter(
    "trex.runs", description="Runs that ended, by outcome and, of those that failed, error."
)
STEP = _meter.create_histogram(
    "trex.planner.step.duration",
    unit="s",
    description="One look of the planner at one job.",
    explicit_bucket_boundaries_advisory=[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5],
)
TRAINED_TOKENS = _meter.create_gauge(
    "trex.train.tokens_per_second", description="Of the run that trains now; 0 while none does."
)
SCORED_ITEMS = _meter.create_gauge(
    "trex.eval.items_per_second", description="Answered in the latest evaluation."
)

"""What the fork server imports before a run arrives. Importing this module is all it does."""

import services.executor.trainers.train  # noqa: F401
from shared.telemetry.process import is_wanted

if is_wanted():
    import shared.telemetry.sdk  # noqa: F401

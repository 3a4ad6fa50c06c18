"""What the fork server imports before a run arrives. Importing this module is all it does."""

import services.executor.trainers.train  # noqa: F401

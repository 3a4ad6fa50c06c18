"""Log lines a person can read: time, level, service, sentence. To stderr."""

import logging
import sys


def start_logging(service: str) -> None:
    """Send this process's logs to stderr, information and above."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)-7s {service}: %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    for chatty in ("httpx", "httpx2", "openai", "celery", "kombu", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

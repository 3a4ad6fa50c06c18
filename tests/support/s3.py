"""A real S3 server: moto's, in a process of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx

from trex.processes import free_port, start, stop, wait_until

BUCKET = "trex"
READY_S = 60.0
KEYS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3_server(log: Path, *, host: str = "127.0.0.1", port: int | None = None) -> Iterator[str]:
    """Run a server with an empty bucket while the block runs and give its address."""
    port = port or free_port(None, name="the S3 server")
    command = [sys.executable, "-m", "moto.server", "--host", host, "--port", str(port)]
    process, url = start(command, log=log), f"http://{host}:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/moto-api/", trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, process, log, what="the S3 server", for_s=READY_S)
        s3_client(url).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        stop([process])


def s3_client(url: str) -> Any:
    """Return a client that is none of ours."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=KEYS["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )

"""A bucket with S3's semantics: moto's server in a process of its own, and one bucket in it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["BUCKET", "Bucket", "bucket"]

BUCKET = "plugins.example.org"
PATIENCE = 30.0
EVERYBODY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
    ],
}
_MAKE = """
import sys, fsspec
files = fsspec.filesystem("s3", use_listings_cache=False)
files.mkdir(sys.argv[1])
files.call_s3("put_bucket_policy", Bucket=sys.argv[1], Policy=sys.argv[2])
"""


class Bucket(NamedTuple):
    """Where everybody reads the bucket, and the variables of who may write to it."""

    url: str
    environ: dict[str, str]


@contextlib.contextmanager
def bucket(scratch: Path) -> Iterator[Bucket]:
    """The server and the bucket, for as long as the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (
        (scratch / "moto.log").open("wb") as log,
        subprocess.Popen(words, stdout=log, stderr=log) as server,
    ):
        try:
            yield _made(f"http://127.0.0.1:{port}", scratch, server)
        finally:
            server.terminate()


def _made(url: str, scratch: Path, server: subprocess.Popen[bytes]) -> Bucket:
    environ = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
            break
        except OSError:
            gone = server.poll() is not None or time.monotonic() > end
            assert not gone, (scratch / "moto.log").read_text("utf-8", "replace")
            time.sleep(0.05)
    words = [sys.executable, "-c", _MAKE, BUCKET, json.dumps(EVERYBODY)]
    subprocess.run(words, env=environ, check=True, capture_output=True, timeout=PATIENCE)
    return Bucket(f"{url}/{BUCKET}", environ)

"""Certificates for the tests, made once a run by openssl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_COMMANDS = [
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
    "req -newkey rsa:2048 -nodes -subj /CN=server"
    " -addext subjectAltName=DNS:cluster.test,IP:127.0.0.1 -keyout server.key -out server.csr",
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy"
    " -out server.pem",
    "req -newkey rsa:2048 -nodes -subj /O=system:masters/CN=admin -keyout client.key"
    " -out client.csr",
    "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 -out client.pem",
]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, server.pem, server.key, client.pem, client.key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing (Debian: openssl); make test-deps installs it")
    folder = tmp_path_factory.mktemp("authority")
    for command in _COMMANDS:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder

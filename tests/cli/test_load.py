"""`serinus load` against a server of its own: rate, report, exit status."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.server import write_kubeconfig
from serinus.cli.main import main


class _Pod(http.server.BaseHTTPRequestHandler):
    """Answers as a pod does; every request to /gone as a gateway without pods."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        gone = self.path == "/gone" or self.headers["Host"] != "shop.example.com"
        self.send_response(503 if gone else 200)
        if not gone:
            self.send_header("X-Pod", "pod-1")
            self.send_header("X-Version", "v1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pod) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def load(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["load", "--host", "shop.example.com", "--rps", "100", "--for", "200ms", *arguments])
    return int(end.value.code or 0)


def test_it_sends_at_its_rate_and_reports_per_version(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("--url", url, "--report", str(tmp_path / "report.json")) == 0
    assert "sent 20, answered 20, lost 0" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["versions"]["v1"]["requests"] == 20
    assert report["versions"]["v1"]["pods"] == {"pod-1": 20}


def test_a_lost_request_is_exit_status_1(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("--url", url, "--path", "/gone") == 1
    assert "sent 20, answered 0, lost 20 (no pod 20)" in capsys.readouterr().out


def test_the_ingress_is_that_of_the_embedded_cluster(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    write_kubeconfig(config, "http://127.0.0.1:1", ingress=url)
    assert load("--kubeconfig", str(config)) == 0
    write_kubeconfig(config, "http://127.0.0.1:1")
    assert load("--kubeconfig", str(config)) == 1
    assert "is not one of `serinus up`; say where its ingress is with --url" in (
        capsys.readouterr().err
    )


def test_a_url_that_is_none_says_how_to_write_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert load("--url", "127.0.0.1:80") == 1
    assert "--url must be http://HOST:PORT" in capsys.readouterr().err

"""A step plugin as an HTTP server without dependencies: `python server.py PORT`.

"Warms" a number of pages, a few a call; Abort cools them again. What was done under an id is not
done twice. Tested by tests/e2e/test_step_plugin_server.py; docs/step-plugins.md has the contract.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DONE: dict[str, dict[str, Any]] = {}
"""Answers by the id of their call. A real server keeps them where it keeps its work."""


def answer(call: dict[str, Any]) -> dict[str, Any]:
    """What to say to a call; the same again to the same call."""
    if call["id"] not in DONE:
        DONE[call["id"]] = begin(call)
    return DONE[call["id"]]


def begin(call: dict[str, Any]) -> dict[str, Any]:
    warm = (call["state"] or {}).get("warm", 0)
    if call["operation"] != "Run":
        return {"phase": "Successful", "message": f"{warm} pages are cold again"}
    pages = (call["input"] or {}).get("pages", 20)
    warm = min(warm + 20, pages)
    return {
        "phase": "Successful" if warm == pages else "Running",
        "message": f"{warm} of {pages} pages are warm",
        "state": {"warm": warm},
        "requeueAfterSeconds": 11,
    }


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(answer(call)).encode()
        sys.stdout.write(f"{call['operation']} {call['stepIndex']} {call['call']}\n")
        sys.stdout.flush()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """One line a call is enough."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    sys.stdout.write(f"listening on {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()

"""Small real services with their own headers, and a session that runs one check on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from harness.core.endpoint import Credentials, Endpoint, Secret
from harness.core.settings import Promises, Settings
from harness.core.verdict import Verdict
from tests.services import QUICK, asking, serving_handler

Sent = tuple[int, Mapping[str, str], Any]
"""Status, headers, and the JSON value of a body."""
Answer = Callable[[str, Mapping[str, str], Any], Sent]
"""The answer to a path, headers (lower-case) and a body."""


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A service whose POSTs are answered by `answer`; GETs by 404. A text as its body is sent as it is."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply(404, {}, {"error": "no"})

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._reply(*answer(self.path, headers, json.loads(raw)))

        def _reply(self, status: int, headers: Mapping[str, str], value: Any) -> None:
            data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            for name, line in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
                self.send_header(name, line)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    with serving_handler(Handler) as url:
        yield url


def run_check(
    answer: Answer,
    test: Callable[..., Verdict],
    folder: Path,
    *,
    protocol: str,
    sample: Any = None,
    key: str | None = None,
    promises: Promises | None = None,
    seed: int = 5,
) -> Verdict:
    """The verdict of a packaged check on a service with these answers."""
    with serving(answer) as url:
        credentials = Credentials("bearer", Secret(key)) if key else None
        endpoint = Endpoint(url, protocol, model="m", sample=sample, credentials=credentials, deadlines=QUICK)
        with asking(
            Settings(endpoint, ("integration",), promises=promises or Promises(), seed=seed), folder
        ) as session:
            return test(session)

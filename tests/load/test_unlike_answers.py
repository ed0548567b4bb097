"""Whole loads of services that hold their streams back or end early, and of healthy ones that look like them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import result_of

CONFIG = """
[endpoint]
protocol = "openai_chat"
model = "m"
sample = "Say it"
[load]
rate = 20
duration = 3
warm_up = 0.5
{keys}
[[objective]]
suite = "load"
metric = "latency p75"
limit = "<= 5s"
[[objective]]
suite = "load"
metric = "ttft p75"
limit = "<= 5s"
[[objective]]
suite = "load"
metric = "inter_token p75"
limit = "<= 5s"
[[objective]]
suite = "load"
metric = "tpot p75"
limit = "<= 5s"
"""


@dataclass
class Speaker:
    """Streams `tokens` words, `per_read` of them at a time, with a pause of `gap` seconds for each word.

    `per_chunk` of the words are in one event; `obeys`: the answer is as long as its limit.
    """

    tokens: int = 12
    per_read: int = 1
    per_chunk: int = 1
    gap: float = 0.003
    obeys: bool = False
    states_usage: bool = True

    def list_events(self, count: int) -> Iterator[bytes]:
        shared = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}

        def make_event(delta: dict[str, Any], reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return f"data: {json.dumps({**shared, 'choices': [choice]})}\n\n".encode()

        yield make_event({"role": "assistant", "content": ""})
        for first in range(0, count, self.per_chunk):
            yield make_event({"content": "word " * min(self.per_chunk, count - first)})
        end = make_event({}, "length" if self.obeys else "stop")
        if self.states_usage:
            usage = {"prompt_tokens": 3, "completion_tokens": count, "total_tokens": 3 + count}
            end += f"data: {json.dumps({**shared, 'choices': [], 'usage': usage})}\n\n".encode()
        yield end + b"data: [DONE]\n\n"

    @contextmanager
    def serve(self) -> Iterator[str]:
        speaker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
                super().setup()

            def do_GET(self) -> None:
                self.send_whole({"object": "list", "data": [{"id": "m", "object": "model"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                count = speaker.tokens
                if speaker.obeys:
                    count = body.get("max_tokens") or count
                if not body.get("stream"):
                    message = {"role": "assistant", "content": "word " * count}
                    reason = "length" if speaker.obeys else "stop"
                    choice = {"index": 0, "message": message, "finish_reason": reason}
                    usage = {"prompt_tokens": 3, "completion_tokens": count, "total_tokens": 3 + count}
                    shared = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
                    self.send_whole({**shared, "choices": [choice], "usage": usage})
                    return
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                self.close_connection = True
                buffer = b""
                for i, event in enumerate(speaker.list_events(count), 1):
                    buffer += event
                    time.sleep(speaker.gap * speaker.per_chunk)
                    if i % speaker.per_read == 0:
                        self.wfile.write(buffer)
                        buffer = b""
                self.wfile.write(buffer)

            def send_whole(self, value: Any) -> None:
                content = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Keep quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


def judge(folder: Path, speaker: Speaker, keys: str = "") -> tuple[dict[str, str], Any]:
    """The reason or PASS of each objective, and the load's result."""
    (folder / "aiharness.toml").write_text(CONFIG.format(keys=keys))
    with speaker.serve() as url:
        outcome = run_gate(folder, f"--ai-endpoint={url}", suite="load")
    ends = {}
    for metric in ("latency", "ttft", "inter_token", "tpot"):
        row = outcome.check(f"test_objectives.py::test_objective[{metric}-p75]")
        assert row["verdict"] in ("PASS", "INCONCLUSIVE"), row
        ends[metric] = "PASS" if row["verdict"] == "PASS" else row["reason"]
    return ends, result_of(outcome.run_dir)


def has_reason(end: str, *reasons: str) -> bool:
    """Whether it ended so; a busy machine may be what a load is inconclusive by, too."""
    return any(reason in end for reason in (*reasons, "did not keep up"))


@pytest.mark.parametrize("way", sample_cases([{"per_read": 6}, {"per_chunk": 6}], {"per_read": 6}))
def test_a_stream_that_is_held_back_and_flushed_shows_no_gaps(tmp_path: Path, way: Any) -> None:
    ends, result = judge(tmp_path, Speaker(tokens=24, gap=0.01, **way))
    if not has_reason(ends["ttft"], "did not keep up"):
        assert "held back and flushed" in result["bursts"]
    assert has_reason(ends["ttft"], "held back and flushed"), ends
    assert has_reason(ends["inter_token"], "held back and flushed"), ends
    assert has_reason(ends["latency"], "PASS"), ends
    assert has_reason(ends["tpot"], "PASS"), ends


OUTPUT = "output_tokens = { min = 30, max = 50 }"


def test_answers_that_end_early_keep_no_limit(tmp_path: Path) -> None:
    ends, result = judge(tmp_path, Speaker(tokens=12), OUTPUT)
    assert "of the tokens that output_tokens asked for" in result["shortfall"]
    for metric, end in ends.items():
        assert has_reason(end, "output_tokens asked for"), (metric, end)


HEALTHY = [(Speaker(obeys=True), OUTPUT), (Speaker(tokens=5), ""), (Speaker(tokens=12, gap=0.0, per_read=20), "")]


@pytest.mark.parametrize(("speaker", "keys"), sample_cases(HEALTHY, HEALTHY[0], HEALTHY[2]))
def test_healthy_answers_raise_no_alarm(tmp_path: Path, speaker: Speaker, keys: str) -> None:
    """As long as asked; short where no length was asked; so fast that all of it comes at once."""
    ends, result = judge(tmp_path, speaker, keys)
    assert (result["bursts"], result["shortfall"]) == ("", "")
    assert all(has_reason(ends[metric], "PASS") for metric in ("latency", "ttft", "inter_token")), ends

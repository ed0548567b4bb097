"""Our load generator beside locust's own clients against one server: requests/s and streamed events/s.

The server runs in a process of its own and answers at once. The clients run one after the other, each in a process of
its own, with the same number of users. Ours records the time of every read, decodes every answer with its adapter (the
JSON of every event) and counts it, partly after the load has ended; the others only split lines. Only the ratios
matter, because the absolute figures depend on the machine. Exit status 1 if plain requests are slower than locust's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS, USERS, TOKENS = 4.0, 32, 64

_PLAIN = b'{"predictions": [[0.25, 0.75]]}'
_CHUNK = (
    '{{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{{"index":0,"delta":{},"finish_reason":{}}}]}}'
)

_LOCUSTFILE = """
import json, time
from locust import {base}, constant, events, task
COUNT = [0, 0]
class Plain({base}):
    wait_time = constant(0)
    @task
    def ask(self):
        {ask}
        COUNT[0] += 1
@events.quit.add_listener
def say(**_):
    print("COUNT", json.dumps(COUNT))
"""
_ASK = {
    False: """self.client.post("/predict", json={"instances": [[1.0]]})""",
    True: """
        post = self.client.post
        with post("/v1/chat/completions", json={"stream": True}, stream=True, catch_response=True) as answer:
            for line in {lines}:
                COUNT[1] += line.startswith(b"data:")
    """,
}


def _event(delta: str, finish: str = "null") -> bytes:
    data = f"data: {_CHUNK.format(delta, finish)}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


class _Server(asyncio.Protocol):
    """A minimal HTTP/1.1 server: it answers each request at once, with one write for each event."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"post /predict"):
            self._out.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            self._out.write(b"Content-Length: %d\r\n\r\n%s" % (len(_PLAIN), _PLAIN))
        elif head.startswith(b"post /v1/chat"):
            self._out.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(TOKENS):
                self._out.write(_event('{"content":"a "}'))
            self._out.write(_event("{}", '"stop"') + b"0\r\n\r\n")
        else:
            self._out.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


async def _serve() -> None:
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # a client closes its connections when its load ends
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _run_locust(folder: Path, file: Path, url: str, *options: str) -> str:
    command = [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--host", url, "--only-summary"]
    process = subprocess.run(
        [*command, "-u", str(USERS), "-r", "1000", *options],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return process.stdout + process.stderr


def _measure_theirs(folder: Path, url: str, base: str, stream: bool) -> float:
    """Requests/s, or events/s, of one of locust's own clients."""
    lines = "answer.iter_lines()" if base == "HttpUser" else 'iter(lambda: answer._response.readline(b"\\n"), b"")'
    ask = _ASK[stream].replace("{lines}", lines).strip()
    file = folder / f"{base}.py"
    file.write_text(_LOCUSTFILE.format(base=base, ask=ask))
    output = _run_locust(folder, file, url, "--run-time", f"{SECONDS:g}s")
    counts = next((line for line in output.splitlines() if line.startswith("COUNT ")), "COUNT [0, 0]")
    return float(json.loads(counts.removeprefix("COUNT "))[int(stream)] / SECONDS)


def _measure_ours(folder: Path, url: str, stream: bool, rate: float) -> float:
    """The same of ours, at a rate that it cannot reach, so that it is as fast as it can be."""
    run = folder / f"run-{stream}"
    options = ["--protocol=openai_chat", "--model=m", "--stream"] if stream else ["--protocol=plain_json"]
    (folder / "aiharness.toml").write_text("" if stream else "[endpoint]\nsample = [[1.0]]\n")
    output = _run_locust(
        folder, ROOT / "scenarios" / "steady.py", url, *options,
        f"--rate={rate:g}", f"--duration={SECONDS:g}", "--warm-up=0", f"--run-dir={run}",
    )  # fmt: skip
    path = run / "load" / "steady.json"
    if not path.exists():
        raise SystemExit(output)
    achieved = float(json.loads(path.read_text())["generator"]["achieved_rate"])
    return achieved * (TOKENS if stream else 1)


def main() -> int:
    if "--serve" in sys.argv:
        asyncio.run(_serve())
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder, behind = Path(name), False
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            for stream, what, rate in (
                (False, "plain JSON requests/s", 40_000.0),
                (True, "streamed events/s", 2_000.0),
            ):
                ours = _measure_ours(folder, url, stream, rate)
                print(f"{what}: ours {ours:,.0f}", end="")
                for base in ("FastHttpUser", "HttpUser"):
                    theirs = _measure_theirs(folder, url, base, stream)
                    behind = behind or (not stream and ours < theirs)
                    print(f"; {base} {theirs:,.0f} (ours x {ours / max(theirs, 1):.1f})", end="")
                print()
        finally:
            server.kill()
            server.communicate()
    return int(behind)


if __name__ == "__main__":
    sys.exit(main())

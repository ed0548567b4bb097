"""How much memory a load of 1,000 open streams takes, and when its first request is sent.

A server in a process of its own answers each request with a stream that lasts so long that 1,000 are open at once.
Prints the resident memory of the load process before its first request and at its highest, and the time from the start
of locust to the first request after the preflight. Exit status 1 if the streams take 80 MB or more beside what the
process has before.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
STREAMS, EVENTS, RATE = 1000, 20, 100
SECONDS = STREAMS / RATE + 1.0
_MOST = 80 * 2**20
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":%b}]}\n\n'


def _frame(delta: bytes) -> bytes:
    data = _EVENT % delta
    return b"%x\r\n%b\r\n" % (len(data), data)


class _Server:
    """Answers the preflight, which comes over the ordinary client, at once, and the load slowly."""

    def __init__(self) -> None:
        self.open = self.most = 0
        self.first = 0.0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(lengths[0][15:]) if lengths else 0)
                if head.startswith(b"POST"):
                    await self._stream(writer, is_load=b"User-Agent" in head)
                else:
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, *, is_load: bool) -> None:
        if is_load:
            self.first = self.first or time.monotonic()
            self.open += 1
            self.most = max(self.most, self.open)
        writer.write(_HEAD)
        for _ in range(EVENTS):
            writer.write(_frame(b'{"content":"a "}'))
            await asyncio.sleep(SECONDS / EVENTS if is_load else 0)
        writer.write(_frame(b'{},"finish_reason":"stop"') + b"0\r\n\r\n")
        await writer.drain()
        self.open -= is_load


async def _serve() -> None:
    service = _Server()
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(service.most, service.first, flush=True)
    os._exit(0)  # streams that are still open do not matter


def _read_memory(pid: int) -> int:
    """Resident bytes of a process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def _run_load(url: str) -> tuple[float, list[tuple[float, int]]]:
    """The start of a load and its memory over time, both on the monotonic clock."""
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "scenarios" / "steady.py"), "--headless"]
    options = ["--host", url, "--only-summary", "--protocol=openai_chat", "--model=m", "--stream", "--run-dir=run"]
    load = [f"--rate={RATE}", f"--duration={STREAMS / RATE + 4:g}", "--warm-up=0", "-u", str(2 * STREAMS)]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        output = subprocess.DEVNULL
        process = subprocess.Popen([*command, *options, *load], cwd=folder, stdout=output, stderr=output)
        memory = []
        while process.poll() is None:
            memory.append((time.monotonic(), _read_memory(process.pid)))
            time.sleep(0.1)
    return started, memory


def main() -> int:
    """Serve, or run the load and print its figures."""
    if "--serve" in sys.argv:
        asyncio.run(_serve())
        return 0
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        started, memory = _run_load(f"http://127.0.0.1:{int(server.stdout.readline())}")
        most_open, first = map(float, server.communicate("")[0].split())
    before = max((size for at, size in memory if at < first), default=0)
    highest = max(size for _, size in memory)
    print(f"{most_open:,.0f} streams open at once; {highest / 1e6:.1f} MB, {before / 1e6:.1f} MB before the first")
    print(f"first request of the load {first - started:.2f} s after the start of locust, preflight included")
    return int(most_open < STREAMS or highest - before >= _MOST)


if __name__ == "__main__":
    sys.exit(main())

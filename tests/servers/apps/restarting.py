"""Keep a server up, as a container's restart policy does: `python restarting.py PORT SERVER_PORT COMMAND …`.

COMMAND listens on SERVER_PORT, and is started again whenever it ends. Connections to PORT are passed on byte for byte;
those that arrive while it starts wait for it. A connection that a dying server closes is closed, too.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

PAUSE, PATIENCE = 0.2, 25.0
"""Seconds between two tries to reach the server, and of all tries together."""


async def keep_running(command: list[str]) -> None:
    while True:
        server = await asyncio.create_subprocess_exec(*command)
        await server.wait()
        await asyncio.sleep(PAUSE)


async def reach_server(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(int(PATIENCE / PAUSE)):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(PAUSE)
    raise ConnectionError(f"nothing listens on port {port}")


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the end, which is passed on as well."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """One client's connection. It ends as soon as the server's side does."""
    with suppress(OSError):
        from_server, to_server = await reach_server(port)
        requests = asyncio.create_task(pass_on(reader, to_server))
        await pass_on(from_server, writer)
        requests.cancel()
        to_server.close()
    writer.close()


async def main() -> None:
    port, server_port = int(sys.argv[1]), int(sys.argv[2])
    runner = asyncio.create_task(keep_running(sys.argv[3:]))
    front = await asyncio.start_server(lambda r, w: join(r, w, server_port), "127.0.0.1", port)
    async with front:
        await runner


asyncio.run(main())

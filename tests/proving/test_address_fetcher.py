"""Addresses on loopback are fetched while that is asked for, and nothing else is."""

from __future__ import annotations

import asyncio

from harness.io.canary_server import CanaryServer
from harness.proving.address_fetcher import AddressFetcher

TOKENS = ("early", "named", "again", "elsewhere", "own")


def test_only_addresses_of_this_machine_that_come_meanwhile_are_fetched() -> None:
    with CanaryServer() as canary, CanaryServer() as endpoint:
        fetcher = AddressFetcher(endpoint.port)

        async def show() -> None:
            fetcher.look(b"http://127.0.0.1:%d/early" % canary.port)
            fetcher.start()
            fetcher.look(
                b'{"url": "http://127.0.0.1:%d/named", "b": "http://localhost:%d/again"}' % ((canary.port,) * 2)
            )
            fetcher.look(b"http://198.51.100.1:%d/elsewhere http://127.0.0.1:%d/own" % (canary.port, endpoint.port))
            while not {"named", "again"} <= canary.wait_for_hits(TOKENS, 0.0).keys():
                await asyncio.sleep(0.01)

        asyncio.run(asyncio.wait_for(show(), 20))
        assert fetcher.fetched == 2
        assert canary.wait_for_hits(TOKENS, 0.0).keys() == {"named", "again"}
        assert not endpoint.wait_for_hits(TOKENS, 0.0)

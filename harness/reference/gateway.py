"""`python -m harness.reference.gateway`: one address in front of several backends, in two editions."""

from __future__ import annotations

import argparse
import sys
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from harness.core.errors import UsageError
from harness.reference.hardened import Hardened, create_hardened
from harness.reference.middleware import RequestMiddleware
from harness.reference.naive import create_naive
from harness.reference.server import add_server_options, run_server
from harness.reference.settings import ServiceSettings
from harness.reference.switches import load_gateway
from harness.reference.upstream import Limits

EDITIONS = ("hardened", "naive")


def create_gateway(
    edition: str, urls: list[str], api_key: str | None, limits: Limits | None = None, *, defect: str | None = None
) -> ASGIApp:
    """One edition behind the middleware that the backends have too: it asks for the key and does not forward it.

    `defect` is the name of a file in the repository's `detection/gateway_defects/`; it makes another hardened edition.
    Raises `UsageError` for an unknown one, and for one of the naive edition.
    """
    if defect is not None and edition != "hardened":
        raise UsageError(f"gateway defects are changes of the hardened edition; {edition} has none")
    kind = Hardened if defect is None else load_gateway(defect)
    inner = create_hardened(urls, limits, kind) if edition == "hardened" else create_naive(urls)
    return RequestMiddleware(inner, ServiceSettings(api_key=api_key))


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Returns the exit status: 0, or 4 for an option that cannot be used."""
    options = _make_parser().parse_args(arguments)

    def make_app(key: str | None) -> tuple[ASGIApp, Any]:
        for url in options.upstream:
            if urlsplit(url).scheme != "http" or not urlsplit(url).hostname:
                raise UsageError(f"{url!r} is not the address of an upstream: http://HOST:PORT is expected")
        limits = Limits(in_flight=options.max_in_flight)
        return create_gateway(options.edition, options.upstream, key, limits, defect=options.defect), "auto"

    return run_server(options, make_app, lifespan="on")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.reference.gateway", allow_abbrev=False)
    add_server_options(parser)
    add = parser.add_argument
    add("--upstream", action="append", required=True, metavar="URL", help="a backend, repeatable")
    add("--edition", choices=EDITIONS, default="hardened", help="(default: %(default)s)")
    add("--defect", metavar="NAME", help="a seeded defect of the hardened edition (in a checkout)")
    add("--max-in-flight", type=int, default=Limits().in_flight, metavar="N", help="requests at once; more are shed")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`python -m harness.reference.gateway`: one address in front of several backends, in two editions."""

from __future__ import annotations

import argparse
import os
import sys
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from harness.core.errors import UsageError
from harness.reference.hardened import create_hardened
from harness.reference.middleware import Door
from harness.reference.naive import create_naive
from harness.reference.server import listen, serve, stop_with_standard_input
from harness.reference.settings import ServiceSettings
from harness.reference.upstream import Limits

EDITIONS = ("hardened", "naive")
_USAGE_STATUS = 4


def create_gateway(edition: str, urls: list[str], api_key: str | None, limits: Limits | None = None) -> ASGIApp:
    """One edition behind the door that the backends have too: the key is asked for here and passed on to nobody."""
    inner = create_hardened(urls, limits) if edition == "hardened" else create_naive(urls)
    return Door(inner, ServiceSettings(api_key=api_key))


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Returns the exit status: 0, or 4 for an option that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        key = _key(options.api_key_env)
        for url in options.upstream:
            if urlsplit(url).scheme != "http" or not urlsplit(url).hostname:
                raise UsageError(f"{url!r} is not the address of an upstream: http://HOST:PORT is expected")
        if options.stop_with_stdin:
            stop_with_standard_input()
        app = create_gateway(options.edition, options.upstream, key, Limits(in_flight=options.max_in_flight))
        serve(app, listen(options.host, options.port), lifespan="on")
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE_STATUS
    except OSError as error:
        print(f"error: cannot serve on {options.host} port {options.port}: {error.strerror}", file=sys.stderr)
        return _USAGE_STATUS
    return 0


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not (key := os.environ.get(variable)):
        raise UsageError(f"the environment variable {variable} is not set or empty")
    return key


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.reference.gateway", allow_abbrev=False)
    add = parser.add_argument
    add("--upstream", action="append", required=True, metavar="URL", help="a backend, repeatable")
    add("--edition", choices=EDITIONS, default="hardened", help="(default: %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="0 takes a free one; standard output says which")
    add("--api-key-env", metavar="VAR", help="ask every caller for the key in this environment variable")
    add("--max-in-flight", type=int, default=Limits().in_flight, metavar="N", help="requests at once; more are shed")
    add("--stop-with-stdin", action="store_true", help="end when standard input closes")
    return parser


if __name__ == "__main__":
    sys.exit(main())

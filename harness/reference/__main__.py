"""`python -m harness.reference`: the reference service on a loopback port."""

from __future__ import annotations

import argparse
import os
import socket
import sys

from harness.core.errors import UsageError
from harness.reference.backend import create_app
from harness.reference.server import listen, serve, stop_with_standard_input
from harness.reference.settings import ServiceSettings
from harness.reference.switches import choose_http, list_titles

_USAGE_STATUS = 4


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Returns the exit status: 0, or 4 for an option that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        for kind in ("defect", "variant"):
            if "list" in getattr(options, kind):
                print("\n".join(f"{name:32} {title}" for name, title in list_titles(kind).items()))
                return 0
        settings = _settings(options)
        if options.stop_with_stdin:
            stop_with_standard_input()
        with _listening(options) as listening:
            serve(create_app(settings), listening, http=choose_http(settings))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE_STATUS
    except OSError as error:
        print(f"error: cannot serve on {options.host} port {options.port}: {error.strerror}", file=sys.stderr)
        return _USAGE_STATUS
    return 0


def _listening(options: argparse.Namespace) -> socket.socket:
    # Whose protocol is named, since asyncio sets TCP_NODELAY on no other.
    if options.listening is not None:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=options.listening)
    return listen(options.host, options.port)


def _settings(options: argparse.Namespace) -> ServiceSettings:
    key = None
    if options.api_key_env is not None and not (key := os.environ.get(options.api_key_env)):
        raise UsageError(f"the environment variable {options.api_key_env} is not set or empty")
    return ServiceSettings(
        api_key=key,
        seed=options.seed,
        latency_ms=options.latency_ms,
        token_ms=options.token_ms,
        max_body=options.max_body,
        max_depth=options.max_depth,
        max_rows=options.max_rows,
        body_timeout_s=options.body_timeout,
        rate_limit=options.rate_limit,
        defects=tuple(options.defect),
        variants=tuple(options.variant),
    )


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    normal = ServiceSettings()
    parser = argparse.ArgumentParser(prog="python -m harness.reference", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="0 takes a free one; standard output says which")
    add("--listening", type=int, metavar="FD", help="inherited socket to serve on, instead of host and port")
    add("--api-key-env", metavar="VAR", help="ask every caller for the key in this environment variable")
    add("--seed", type=int, default=normal.seed, help="makes the data and both models")
    add("--latency-ms", type=float, default=normal.latency_ms, help="added to every inference")
    add("--token-ms", type=float, default=normal.token_ms, help="passes before every token of text")
    add("--max-body", type=int, default=normal.max_body, metavar="BYTES", help="largest request body")
    add("--max-depth", type=int, default=normal.max_depth, metavar="N", help="deepest nesting of a request body")
    add("--max-rows", type=int, default=normal.max_rows, help="most rows in one request")
    add("--body-timeout", type=float, default=normal.body_timeout_s, metavar="S", help="for a request body to come")
    add("--rate-limit", type=_positive, metavar="N", help="inferences admitted within a minute (default: no limit)")
    add("--defect", action="append", default=[], metavar="NAME", help="a seeded defect, repeatable; 'list' lists them")
    add("--variant", action="append", default=[], metavar="NAME", help="a healthy variant, like --defect")
    add("--stop-with-stdin", action="store_true", help="end when standard input closes")
    return parser


if __name__ == "__main__":
    sys.exit(main())

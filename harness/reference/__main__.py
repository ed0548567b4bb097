"""`python -m harness.reference`: the reference service on a loopback port."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from starlette.types import ASGIApp

from harness.core.errors import UsageError
from harness.reference.backend import create_app
from harness.reference.server import USAGE_STATUS, add_server_options, run_server
from harness.reference.settings import ServiceSettings
from harness.reference.switches import choose_http, list_titles


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Returns the exit status: 0, or 4 for an option that cannot be used."""
    options = _make_parser().parse_args(arguments)

    def make_app(key: str | None) -> tuple[ASGIApp, Any]:
        settings = ServiceSettings(
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
        return create_app(settings), choose_http(settings)

    for kind, names in (("defect", options.defect), ("variant", options.variant)):
        if "list" in names:
            return _print_titles(kind)
    return run_server(options, make_app)


def _print_titles(kind: str) -> int:
    try:
        titles = list_titles(kind)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_STATUS
    try:
        print("\n".join(f"{name:32} {title}" for name, title in titles.items()), flush=True)
    except BrokenPipeError:  # `| head`: what is left need not be written, at the exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parse_positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _make_parser() -> argparse.ArgumentParser:
    normal = ServiceSettings()
    parser = argparse.ArgumentParser(prog="python -m harness.reference", description=__doc__, allow_abbrev=False)
    add_server_options(parser)
    add = parser.add_argument
    add("--seed", type=int, default=normal.seed, help="makes the data and both models")
    add("--latency-ms", type=float, default=normal.latency_ms, help="added to every inference")
    add("--token-ms", type=float, default=normal.token_ms, help="time before every token of text")
    add("--max-body", type=int, default=normal.max_body, metavar="BYTES", help="largest request body")
    add("--max-depth", type=int, default=normal.max_depth, metavar="N", help="deepest nesting of a request body")
    add("--max-rows", type=int, default=normal.max_rows, help="most rows in one request")
    add("--body-timeout", type=float, default=normal.body_timeout_s, metavar="S", help="deadline for a request body")
    add("--rate-limit", type=_parse_positive, metavar="N", help="inferences admitted in a minute (default: no limit)")
    add("--defect", action="append", default=[], metavar="NAME", help="a seeded defect, repeatable; 'list' lists them")
    add("--variant", action="append", default=[], metavar="NAME", help="a healthy variant, like --defect")
    return parser


if __name__ == "__main__":
    sys.exit(main())

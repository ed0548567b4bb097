"""`aiharness init`: a commented aiharness.toml for the endpoint that was detected."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

from harness.commands.command import Command
from harness.commands.detect import add_endpoint_options, detect_endpoint
from harness.config.file import CONFIG_FILE
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.run.preflight import Preflight

TEMPLATE = Path(__file__).parents[1] / "data" / "init.toml"


def _add_options(parser: ArgumentParser) -> None:
    add_endpoint_options(parser)
    parser.add_argument("--output", "-o", metavar="FILE", help="write here (default: aiharness.toml)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def _run(url: str, protocol: str, output: str | None, force: bool) -> int:
    """Detect what the endpoint speaks and write the file; exit status 0, or 21 when no protocol was recognised.

    Sends no inference. Raises `UsageError` where a file exists that may not be overwritten, or cannot be written.
    """
    path = Path(output or CONFIG_FILE)
    if path.exists() and not force:
        raise UsageError(f"{path} exists already: give --force to overwrite it, or --output FILE")
    endpoint, preflight = detect_endpoint(url, protocol, [])
    if not preflight.is_recognised:
        return int(Exit.ERROR)
    try:
        path.write_text(fill_template(TEMPLATE.read_text("utf-8"), endpoint, preflight), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"written: {path}\nnext: aiharness gate --ai-config={path} --suite=smoke")
    return int(Exit.PASS)


def fill_template(template: str, endpoint: Endpoint, preflight: Preflight) -> str:
    """The template with what was detected put in, every value as a TOML string."""
    models = preflight.facts.models
    model, announced, metric = '# model = "NAME"', "no model is announced", "latency p95"
    if models:
        model, announced = f"model = {_quote(models[0])}", f"announced: {', '.join(models[:10])}"
    if preflight.protocol == "openai_chat":
        metric = "ttft p95"
    values = {
        "URL": _quote(endpoint.url),
        "PROTOCOL": _quote(preflight.protocol),
        "REASON": _clean_comment(next(d.reason for d in preflight.detected if d.protocol == preflight.protocol)),
        "MODEL": model,
        "MODELS": _clean_comment(announced),
        "METRIC": _quote(metric),
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _quote(value: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, except for lone surrogates."""
    return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def _clean_comment(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300]


COMMAND = Command(run=_run, add_options=_add_options)

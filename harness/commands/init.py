"""`aiharness init`: a commented aiharness.toml for the endpoint that was detected."""

from __future__ import annotations

import json
from pathlib import Path

from harness.commands.detect import look
from harness.config.file import CONFIG_FILE
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.run.preflight import Preflight

TEMPLATE = Path(__file__).parents[1] / "data" / "init.toml"


def init_command(url: str, protocol: str, output: str | None, *, force: bool) -> int:
    """Detect what the endpoint speaks and write the file; exit status 0, or 21 when nothing was recognised.

    Sends no inference. Raises `UsageError` where a file is that may not be overwritten, or that cannot be written.
    """
    path = Path(output or CONFIG_FILE)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: give --force to overwrite it, or --output FILE")
    endpoint, found = look(url, protocol, [])
    if not found.recognised:
        return int(Exit.ERROR)
    try:
        path.write_text(filled(TEMPLATE.read_text("utf-8"), endpoint, found), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"written: {path}\nnext: aiharness gate --ai-config={path} --suite=smoke")
    return int(Exit.PASS)


def filled(template: str, endpoint: Endpoint, found: Preflight) -> str:
    """The template with what was found put in, every value as a TOML string."""
    facts, reason = found.facts, next(d.reason for d in found.detected if d.protocol == found.protocol)
    models = ", ".join(facts.models[:10])
    streams = found.protocol == "openai_chat"
    values = {
        "URL": _string(endpoint.url),
        "PROTOCOL": _string(found.protocol),
        "REASON": _comment(reason),
        "MODEL": f"model = {_string(facts.models[0])}" if facts.models else '# model = "NAME"',
        "MODELS": _comment(f"announced: {models}" if models else "none is announced"),
        "METRIC": _string("ttft p95" if streams else "latency p95"),
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _string(value: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, but for those of lone surrogates."""
    return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300]

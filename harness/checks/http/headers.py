"""Response headers that a client and a proxy can rely on."""

from __future__ import annotations

import re

from harness.checks.common import Show, aspects, judge, told
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, make_inconclusive

_ASPECTS = ("content type", "one content type", "no software version")
_JSON = re.compile(r"^application/(?:json|[\w.+-]+\+json|x-ndjson)$")
_VERSION = re.compile(r"/?\d+\.\d+")


@judge
def sane(exchange: Exchange, show: Show) -> Verdict:
    """A JSON body says that it is JSON, once, and no header tells the version of the server's software."""
    response = exchange.response
    if response is None or not exchange.ok:
        return make_inconclusive(f"there is no valid answer whose headers could be judged: {told(exchange)}", n=0)
    problems: list[tuple[str, str]] = []
    if not _JSON.match(response.content_type):
        problems.append(("content type", f"a JSON body is labelled {response.content_type or 'with no content type'}"))
    if sum(name == "content-type" for name, _ in response.headers) > 1:
        problems.append(("one content type", "the answer has several content-type lines"))
    for name in ("server", "x-powered-by", "x-aspnet-version"):
        value = response.header(name)
        if value and _VERSION.search(value):
            problems.append(("no software version", f"the header {name} tells a version: {value!r}"))
            break
    return aspects(exchange, problems, _ASPECTS, "content type as the body, no software version", show)

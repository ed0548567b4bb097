"""Response headers on which a client and a proxy can rely."""

from __future__ import annotations

import re

from harness.checks.common import Show, judge, judge_aspects
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, make_inconclusive

_ASPECTS = ("content type", "one content type", "no software version")
_JSON = re.compile(r"^application/(?:json|[\w.+-]+\+json|x-ndjson)$")
_VERSION = re.compile(r"/?\d+\.\d+")
_SOFTWARE_HEADERS = ("server", "x-powered-by", "x-aspnet-version")


@judge
def judge_headers(exchange: Exchange, show: Show) -> Verdict:
    """A JSON body is labelled as JSON, once, and no header shows the version of the server's software."""
    response = exchange.response
    if response is None or not exchange.ok:
        return make_inconclusive(f"there is no valid answer whose headers could be judged: {exchange.outcome}", n=0)
    problems: dict[str, str | None] = {}
    if not _JSON.match(response.content_type):
        label = response.content_type or "with no content type"
        problems["content type"] = f"a JSON body is labelled {label}"
    if sum(name == "content-type" for name, _ in response.headers) > 1:
        problems["one content type"] = "the answer has several content-type lines"
    for name in _SOFTWARE_HEADERS:
        value = response.header(name)
        if value and _VERSION.search(value):
            problems.setdefault("no software version", f"the header {name} shows a version: {value!r}")
    return judge_aspects(exchange, problems, _ASPECTS, "the content type fits the body, no software version", show)

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from harness.core.redaction import redact_text

KEYS = ("abcdEFGH+ijk/LMNop==", 'sk-"quo\\te<d>&-$ecret/+=0123456789', "pa%2Fss+w&#43;d word")
ESCAPES: dict[str, Callable[[str], str]] = {
    "System.Text.Json": lambda s: re.sub(r"[^\w]", lambda c: f"\\u{ord(c[0]):04X}", s),
    "Gson": lambda s: s.replace("=", "\\u003d"),
    "PHP": lambda s: s.replace("/", "\\/"),
    "json": lambda s: json.dumps(s)[1:-1],
    "every letter": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "quote": quote,
    "quote all": lambda s: quote(s, safe=""),
    "quote plus": quote_plus,
    "percent lower": lambda s: re.sub("%..", lambda c: c[0].lower(), quote(s, safe="")),
    "percent every": lambda s: "".join(f"%{ord(c):02X}" for c in s),
    "html": html.escape,
    "html decimal": lambda s: re.sub(r"[^\w]", lambda c: f"&#0{ord(c[0])};", s),
    "html hex": lambda s: re.sub(r"[^\w]", lambda c: f"&#x{ord(c[0]):X};", s),
    "html names": lambda s: (
        s.replace("&", "&amp;").replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;")
    ),
    "python": lambda s: repr(s)[1:-1],
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("first", ESCAPES)
def test_every_escape_in_every_other(key: str, first: str) -> None:
    for second, (before, after) in itertools.product(ESCAPES, (("<<", ">>"), ('{"a":"', '"}'), ("x=", "&y=1"))):
        spelled = ESCAPES[second](ESCAPES[first](key))
        assert redact_text(before + spelled + after, (key,)) == f"{before}***{after}", (first, second)


def test_other_text_stays_as_it_is() -> None:
    text = json.dumps({"said": 'a "b" & 100% of <p>\n\\ &amp; %20 \u00e9', "key": "abcdEFGH+ijk"}) * 50
    assert redact_text(text, KEYS) == text
    assert redact_text("%41%42 AB", ("%41%42",)) == "*** AB", "its normal form is too short to be a secret"

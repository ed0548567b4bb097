"""Text of all kinds comes through as it is, in every spelling, and ids too."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from harness.checks.generation import unicode
from harness.checks.generation.unicode import AFTER, BEFORE, ODD, PLAIN, TEXTS, Spelt, Written
from harness.core.errors import UsageError
from harness.core.exchange import Exchange, Query, Request
from harness.core.json_path import find_paths, replace_at
from harness.suite import Session, Verdict, check, once

from .generating import generation
from .spoiling import PLAIN as VALID
from .spoiling import known

_LIMIT = 80
"""Tokens: the odd texts are up to 40 bytes, and a byte may be a token."""
_ASKED = VALID + 6 * len(TEXTS) + 2
ID = "aiharness \u00e9\u05d0\U0001f600"


def _query(ai_client: Session, text: str, *, stream: bool = False) -> Query:
    """The text between its marks, asked to be repeated; where nothing is generated, in place of a text there."""
    marked = f"{BEFORE} {text} {AFTER}"
    able, sample = ai_client.able, ai_client.sample(stream=stream)
    if able.generates or able.streaming:
        return generation(ai_client, _LIMIT, f"Repeat after me: {marked}", stream=stream)
    if able.embeds:
        return replace(sample, inputs=marked)
    # Its last text: the content of a message, a document.
    return replace(sample, inputs=replace_at(sample.inputs, find_paths(sample.inputs, str)[-1], marked))


def _sent(ai_client: Session, request: Request) -> Exchange:
    return ai_client.read(ai_client.send(request))


def _spelt(ai_client: Session, name: str) -> Spelt:
    query = _query(ai_client, TEXTS[name])
    escaped, streamed = ai_client.ask(query), None
    if ai_client.able.streaming and name not in ODD:
        streamed = ai_client.ask(replace(query, stream=True))
    # Neither has a raw form: NUL not in JSON, a lone surrogate not in UTF-8.
    raw = None if name in ODD else _sent(ai_client, unicode.spelt_raw(ai_client.request(query)))
    found = Spelt(escaped, raw, streamed)
    return replace(found, again=ai_client.ask(query)) if unicode.unlike(found) else found


@once
def _written(ai_client: Session) -> Written:
    plain, able = known(ai_client), ai_client.able
    spelt: dict[str, Spelt] = {}
    for name in (PLAIN,) if plain.problem else TEXTS:
        if not any(unicode.hung(each) for each in spelt.values()):
            spelt[name] = _spelt(ai_client, name)
    after, echoing = ai_client.ask(), able.generates or able.streaming
    return Written(spelt, plain, after, ai_client.promises.deterministic, echoing)


@check("text comes through unharmed, however it is spelt", needs=("text",), requests=_ASKED, tokens=_LIMIT * _ASKED)
def test_text_kept(ai_client: Session) -> Verdict:
    return unicode.kept(_written(ai_client), ai_client.show)


@check("text is answered, or refused where it is none", level="warn", needs=("text",), requests=0)
def test_text_accepted(ai_client: Session) -> Verdict:
    return unicode.accepted(_written(ai_client), ai_client.show)


@check(
    "an id in Unicode comes back unchanged and changes nothing",
    needs=("tensors",),
    grounds=("http",),
    requests=VALID + 2,
)
def test_id(ai_client: Session) -> Verdict:
    sample, plain = ai_client.sample(), known(ai_client)
    bare = ai_client.request(sample)
    mark = "&" if "?" in bare.path else "?"
    with_query = _sent(ai_client, replace(bare, path=f"{bare.path}{mark}aiharness={quote(ID)}"))
    try:
        request = unicode.spelt_raw(ai_client.request(replace(sample, options={**sample.options, "id": ID})))
    except UsageError:  # a body that is no object has no place for an id
        return unicode.identified(plain, ID, with_query, with_query, ai_client.show)
    return unicode.identified(plain, ID, _sent(ai_client, request), with_query, ai_client.show)

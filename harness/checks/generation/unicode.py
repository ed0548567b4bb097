"""Unicode: text means the same however JSON spells it, comes back as it was sent, and odd text harms nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.checks.bad_input.outcomes import Kind, Known, kind_of
from harness.checks.common import Show, case, declined, judge, told
from harness.checks.comparison import parts_of, said
from harness.checks.generation.text_cases import text_of, usage_of
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
BEFORE, AFTER = "48213765", "90314276 11827364"
"""Marks around the odd text: who loses the second one has cut the text."""
PLAIN = "plain"

TEXTS: Mapping[str, str] = {
    PLAIN: "words",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc\u202c",
    "combining": "e\u0301 n\u0303 Z\u0351\u0327\u030a A\u030a",
    "four bytes": "\U0002070e\U00020731 \U0001d518\U0001d52b\U0001d526",
    "byte order mark": "one\ufefftwo",
    "NUL": "one\0two",
    "a lone surrogate": "one\ud800two",
}
"""Texts by name; the last two may be refused, the others are ordinary text in some language."""
ODD = ("NUL", "a lone surrogate")
_KEPT = ("emoji", "right to left", "four bytes")
"""Texts that no tokenizer may drop as if they were not there: normalisation takes out marks and blanks, not these."""
_SLACK = 3
"""Tokens by which two spellings of nearly one text may differ."""


@dataclass(frozen=True, slots=True)
class Spelt:
    """The answers to one text: sent in ASCII with JSON's escapes, in raw UTF-8, and streamed.

    `again` is the escaped one asked once more, where the two spellings were answered otherwise.
    """

    escaped: Exchange
    raw: Exchange | None = None
    streamed: Exchange | None = None
    again: Exchange | None = None

    @property
    def every(self) -> list[Exchange]:
        """All exchanges."""
        return [each for each in (self.escaped, self.raw, self.streamed, self.again) if each is not None]


@dataclass(frozen=True, slots=True)
class Written:
    """The answers by name of text, and to a valid request after them.

    `deterministic`: the same request has the same text. `echoing`: the texts were asked to be repeated.
    """

    spelt: Mapping[str, Spelt]
    known: Known
    after: Exchange
    deterministic: bool = False
    echoing: bool = False

    @property
    def echoes(self) -> bool:
        """Whether the service repeats a plain text with both its marks, so that a mangled one would show."""
        return self.echoing and all(mark in text_of(self.spelt[PLAIN].escaped) for mark in (BEFORE, AFTER))


def spelt_raw(request: Request) -> Request:
    """The same JSON in raw UTF-8. Raises `UnicodeEncodeError` for a lone surrogate, which has no such form."""
    return replace(request, body=json.dumps(json.loads(request.body), ensure_ascii=False).encode())


def parted(spelt: Spelt, deterministic: bool) -> str | None:
    """How the answers to the two spellings part, so that one of them was read wrongly; None: they do not, or may."""
    raw = spelt.raw
    if raw is None or not (raw.ok and spelt.escaped.ok):
        return None
    one, other = _tokens(spelt.escaped), _tokens(raw)
    if one is not None and other is not None and one != other and other != _tokens(spelt.again):
        return f"the same text counts {one} prompt tokens in escapes and {other} in raw UTF-8"
    first = said(spelt.escaped.answer)
    parts = parts_of(first, said(raw.answer))
    if not parts or (spelt.again is not None and parts_of(first, said(spelt.again.answer))):
        return None
    told_of = f"the same text in raw UTF-8 is answered otherwise than in escapes: {parts}"
    return told_of if deterministic or not isinstance(first, str) else None


def unlike(spelt: Spelt) -> bool:
    """Whether the two spellings were answered otherwise, be it by chance: then the first is asked again."""
    if spelt.raw is None or not (spelt.raw.ok and spelt.escaped.ok):
        return False
    alike = _tokens(spelt.escaped) == _tokens(spelt.raw)
    return not alike or parts_of(said(spelt.escaped.answer), said(spelt.raw.answer)) is not None


def hung(spelt: Spelt) -> bool:
    """Whether one of the answers never came: each such costs a whole deadline."""
    return any(kind_of(each) is Kind.HUNG for each in spelt.every)


def mangled(name: str, answer: str) -> str | None:
    """The sign of a text that was read or written in another encoding, in the answer that should repeat it."""
    for character in sorted({each for each in TEXTS[name] if ord(each) > 0xFF and not 0xD800 <= ord(each) < 0xE000}):
        for encoding in ("latin-1", "cp1252"):
            wrong = character.encode().decode(encoding, "replace")
            if REPLACEMENT not in wrong and wrong in answer:
                return f"it holds {wrong!a}, which is {character!a} in UTF-8 read as {encoding}"
        if (escaped := json.dumps(character)[1:-1]) in answer:
            return f"it holds {escaped!r} spelt out, and not the character"
    if name in ODD:
        return None
    if REPLACEMENT in answer.rstrip(REPLACEMENT):  # the limit of tokens may cut the last character
        return "it holds U+FFFD, which nobody sent"
    between = re.search(f"{BEFORE}(.*?){AFTER}", answer, re.DOTALL)
    if between and "?" in between[1] and not re.search(r"[^\s?]", between[1]):
        return "it has question marks in place of the text"
    if between and name in _KEPT and not between[1].strip():
        return "what stood between its marks is lost"
    return None


def _lost(name: str, spelt: Spelt, plain: Spelt) -> str | None:
    """Whether the prompt's tokens, as the service counts them, tell that characters did not reach the model."""
    mine, base = _tokens(spelt.escaped), _tokens(plain.escaped)
    if mine is None or base is None:
        return None
    if mine + _SLACK < base:
        return f"the prompt counts {mine} tokens, {base - mine} fewer than with plain words in its place: it was cut"
    return None


def _tokens(exchange: Exchange | None) -> int | None:
    return usage_of(exchange.answer).prompt_tokens if exchange else None


@judge
def kept(found: Written, show: Show) -> Verdict:
    """No text is mangled, cut or answered otherwise for its spelling, streamed or whole; none harms the service."""
    if unable := _unable(found):
        return unable
    cases = [case for name, spelt in found.spelt.items() for case in _cases(found, name, spelt, show)]
    cases.append(found.known.lives(found.after, show))
    what = "repeated as it was sent" if found.echoes else "answered"
    seen = [name for name, spelt in found.spelt.items() if spelt.escaped.ok]
    verdict = judge_contract(cases, f"text is {what}, and the same in raw UTF-8 as in escapes: {', '.join(seen)}")
    silent = found.echoing and not found.echoes
    return verdict.with_notes("it does not repeat what it is asked to") if silent else verdict


def _cases(found: Written, name: str, spelt: Spelt, show: Show) -> list[Case]:
    for exchange in spelt.every:
        if kind_of(exchange) in (Kind.HUNG, Kind.CRASHED):
            return [case(name, exchange, f"text with {name} is not survived: {told(exchange)}", show)]
        if why := declined(exchange):
            return [Case(name, unjudged=why)]
    if not spelt.escaped.ok:
        broken = spelt.escaped.status is not None and spelt.escaped.status < 300
        what = f"text with {name} has no valid answer: {told(spelt.escaped)}"
        return [case(name, spelt.escaped, what, show)] if broken else []  # refused: the other check's
    problem = parted(spelt, found.deterministic) or _lost(name, spelt, found.spelt[PLAIN])
    if problem:
        return [case(name, spelt.raw or spelt.escaped, f"text with {name}: {problem}", show)]
    return [_answered(found, name, spelt, exchange, show) for exchange in spelt.every if exchange.ok]


def _answered(found: Written, name: str, spelt: Spelt, exchange: Exchange, show: Show) -> Case:
    answer, whole = text_of(exchange), text_of(spelt.escaped)
    problem = mangled(name, answer) if found.echoes else None
    if exchange is spelt.streamed and not problem:
        if REPLACEMENT in answer.rstrip(REPLACEMENT) and REPLACEMENT not in whole:
            problem = "the stream holds U+FFFD, and the whole answer does not: a character was cut between two pieces"
        elif found.deterministic and answer != whole:
            problem = f"streamed it is {answer!a:.80}, whole {whole!a:.80}"
    return case(name, exchange, problem and f"text with {name} does not come through: {problem}", show)


@judge
def accepted(found: Written, show: Show) -> Verdict:
    """Ordinary text is answered; NUL and lone surrogates are answered or refused with a 4xx, in every spelling."""
    if unable := _unable(found):
        return unable
    cases = []
    for name, spelt in found.spelt.items():
        for exchange in spelt.every:
            kind, problem = kind_of(exchange), ""
            if kind is Kind.REFUSED and name not in ODD:
                problem = f"text with {name}, which is ordinary text, is refused: {told(exchange)}"
            elif kind not in (Kind.ACCEPTED, Kind.REFUSED):
                problem = f"text with {name} is neither answered nor clearly refused: {told(exchange)}"
            cases.append(case(name, exchange, problem, show, declined(exchange)))
    return judge_contract(cases, f"{len(found.spelt)} texts are each answered, or refused where they may be")


def _unable(found: Written) -> Verdict | None:
    if found.known.problem:
        return make_inconclusive(found.known.problem, n=0)
    plain = found.spelt[PLAIN].escaped
    return None if plain.ok else make_inconclusive(f"plain text is not answered: {told(plain)}", n=0)


@judge
def identified(known: Known, given: str, with_id: Exchange, with_query: Exchange, show: Show) -> Verdict:
    """Unicode in a request's id and in its query string changes no answer, and an id comes back as it was sent.

    Both may be refused with a 4xx.
    """
    if known.problem:
        return make_inconclusive(known.problem, n=0)
    cases = []
    for name, exchange in (("an id in Unicode", with_id), ("a query string in Unicode", with_query)):
        kind, problem = kind_of(exchange), ""
        value = exchange.answer.value if exchange.answer else None
        echoed = value.get("id") if isinstance(value, dict) else None
        if kind in (Kind.HUNG, Kind.CRASHED) or (kind is Kind.ACCEPTED and not exchange.ok):
            problem = f"{name} is not survived: {told(exchange)}"
        elif exchange.ok and (parts := known.changed(exchange)):
            problem = f"with {name} the answer is another: {parts}"
        elif exchange is with_id and isinstance(echoed, str) and echoed != given and _meant(echoed, given):
            problem = f"the id {given!a} comes back as {echoed!a}"
        cases.append(case(name, exchange, problem, show, declined(exchange)))
    return judge_contract(cases, "Unicode in an id or a query string changes no answer")


def _meant(echoed: str, given: str) -> bool:
    """Whether an id is what was given, spoilt, and not one of the service's own."""
    return echoed.split(" ")[0] == given.split(" ")[0] or not echoed.isascii()

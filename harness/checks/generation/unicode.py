"""Unicode: a text has the same answer in every JSON spelling, is repeated unchanged, and does the service no harm."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.checks.bad_input.outcomes import Reaction, classify_reaction
from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.comparison import compare_contents
from harness.checks.control import Control
from harness.checks.generation.text_cases import get_usage
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MARK_BEFORE, MARK_AFTER = "48213765", "90314276 11827364"
"""Marks around the text: a service that loses the second one has cut the text."""
PLAIN_TEXT = "plain"

UNICODE_TEXTS: Mapping[str, str] = {
    PLAIN_TEXT: "words",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc\u202c",
    "combining": "e\u0301 n\u0303 Z\u0351\u0327\u030a A\u030a",
    "four bytes": "\U0002070e\U00020731 \U0001d518\U0001d52b\U0001d526",
    "byte order mark": "one\ufefftwo",
    "NUL": "one\0two",
    "a lone surrogate": "one\ud800two",
}
"""Texts by name; the last two may be refused, the others are ordinary text in some language."""
ODD_TEXTS = ("NUL", "a lone surrogate")
_NEVER_DROPPED = ("emoji", "right to left", "four bytes")
"""Texts that no tokenizer may drop: normalisation may remove marks and blanks, but not these."""
_TOKEN_SLACK = 3
"""By how many tokens two prompts may differ of which only the texts between the marks differ."""
_CRASHES = (Reaction.HUNG, Reaction.CRASHED)


@dataclass(frozen=True, slots=True)
class Spellings:
    """The answers to one text: sent in ASCII with JSON's escapes, in raw UTF-8, and streamed.

    `again` is the answer to the escaped text sent a second time, which is done only if the two spellings had different
    answers.
    """

    escaped: Exchange
    raw: Exchange | None = None
    streamed: Exchange | None = None
    again: Exchange | None = None

    def list_exchanges(self) -> list[Exchange]:
        """All exchanges."""
        every = (self.escaped, self.raw, self.streamed, self.again)
        return [exchange for exchange in every if exchange is not None]


@dataclass(frozen=True, slots=True)
class TextAnswers:
    """The answers to each text, by its name, and the answer to a valid request sent after them.

    `deterministic`: the service promises the same text for the same request. `asked_to_echo`: the requests ask the
    model to repeat the texts.
    """

    spellings: Mapping[str, Spellings]
    control: Control
    after: Exchange
    deterministic: bool = False
    asked_to_echo: bool = False

    @property
    def has_echo(self) -> bool:
        """Whether the service repeats a plain text with both its marks, so that a mangled text would show."""
        plain = self.spellings[PLAIN_TEXT].escaped.text
        return self.asked_to_echo and MARK_BEFORE in plain and MARK_AFTER in plain


def encode_raw_utf8(request: Request) -> Request:
    """The same JSON in raw UTF-8. Raises `UnicodeEncodeError` for a lone surrogate, which UTF-8 cannot express."""
    return replace(request, body=json.dumps(json.loads(request.body), ensure_ascii=False).encode())


def find_spelling_difference(spellings: Spellings, deterministic: bool) -> str | None:
    """How the answers to the two spellings differ, if this shows that one was misread; otherwise None."""
    raw, escaped, again = spellings.raw, spellings.escaped, spellings.again
    if raw is None or not (raw.ok and escaped.ok):
        return None
    escaped_tokens, raw_tokens = _count_prompt_tokens(escaped), _count_prompt_tokens(raw)
    differ = escaped_tokens is not None and raw_tokens is not None and escaped_tokens != raw_tokens
    if differ and raw_tokens != _count_prompt_tokens(again):
        return f"the same text counts {escaped_tokens} prompt tokens in escapes and {raw_tokens} in raw UTF-8"
    difference = compare_contents(escaped.content, raw.content)
    if not difference or (isinstance(escaped.content, str) and not deterministic):
        return None
    if again is not None and compare_contents(escaped.content, again.content):
        return None
    return f"the text has a different answer in raw UTF-8 than in escapes: {difference}"


def has_unlike_spellings(spellings: Spellings) -> bool:
    """Whether the two spellings had different answers, perhaps by chance: then the escaped text is sent again."""
    raw, escaped = spellings.raw, spellings.escaped
    if raw is None or not (raw.ok and escaped.ok):
        return False
    if _count_prompt_tokens(escaped) != _count_prompt_tokens(raw):
        return True
    return compare_contents(escaped.content, raw.content) is not None


def has_hung(spellings: Spellings) -> bool:
    """Whether one of the requests got no answer in time: each such request costs a full deadline."""
    return Reaction.HUNG in map(classify_reaction, spellings.list_exchanges())


def find_mangling(name: str, answer: str) -> str | None:
    """The sign, in an answer that should repeat a text, that the text was read or written in another encoding."""
    wide = {letter for letter in UNICODE_TEXTS[name] if ord(letter) > 0xFF and not 0xD800 <= ord(letter) < 0xE000}
    for character in sorted(wide):
        if misread := _find_misread(character, answer):
            return misread
    if name in ODD_TEXTS:
        return None
    if _has_replacement(answer):
        return "it contains U+FFFD, which was not sent"
    between = re.search(f"{MARK_BEFORE}(.*?){MARK_AFTER}", answer, re.DOTALL)
    if between is None:
        return None
    if "?" in between[1] and not re.search(r"[^\s?]", between[1]):
        return "it has question marks in place of the text"
    if name in _NEVER_DROPPED and not between[1].strip():
        return "the text between its marks is lost"
    return None


def _find_misread(character: str, answer: str) -> str | None:
    for encoding in ("latin-1", "cp1252"):
        wrong = character.encode().decode(encoding, "replace")
        if _REPLACEMENT not in wrong and wrong in answer:
            return f"it contains {wrong!a}, which is {character!a} in UTF-8 read as {encoding}"
    escaped = json.dumps(character)[1:-1]
    return f"it contains the escape {escaped!r} instead of the character" if escaped in answer else None


def _has_replacement(text: str) -> bool:
    """Whether U+FFFD is in a text before its end, where a limit of tokens may cut a character."""
    return _REPLACEMENT in text.rstrip(_REPLACEMENT)


def _find_cut(spellings: Spellings, plain: Spellings) -> str | None:
    """The sign that a part of the prompt did not reach the model, in the prompt tokens that the service counts."""
    tokens, base = _count_prompt_tokens(spellings.escaped), _count_prompt_tokens(plain.escaped)
    if tokens is None or base is None or tokens + _TOKEN_SLACK >= base:
        return None
    return f"the prompt counts {tokens} tokens, {base - tokens} fewer than with plain words in its place: it was cut"


def _count_prompt_tokens(exchange: Exchange | None) -> int | None:
    return get_usage(exchange.answer).prompt_tokens if exchange else None


@judge
def judge_texts(answers: TextAnswers, show: Show) -> Verdict:
    """No text is mangled or cut, has a different answer in another spelling or streamed, or harms the service."""
    if obstacle := _find_obstacle(answers):
        return obstacle
    cases: list[Case] = []
    answered = []
    for name, spellings in answers.spellings.items():
        cases += _judge_spellings(answers, name, spellings, show)
        if spellings.escaped.ok:
            answered.append(name)
    cases.append(answers.control.judge_last_request(answers.after, show))
    how = "repeated as it was sent" if answers.has_echo else "answered"
    verdict = judge_contract(cases, f"text is {how}, and the same in raw UTF-8 as in escapes: {', '.join(answered)}")
    if answers.asked_to_echo and not answers.has_echo:
        return verdict.with_notes("the service does not repeat the text that it is asked to repeat")
    return verdict


def _judge_spellings(answers: TextAnswers, name: str, spellings: Spellings, show: Show) -> list[Case]:
    escaped = spellings.escaped
    for exchange in spellings.list_exchanges():
        if classify_reaction(exchange) in _CRASHES:
            return [judge_case(name, exchange, f"text with {name} harms the service: {exchange.outcome}", show)]
        if why := explain_decline(exchange):
            return [Case(name, unjudged=why)]
    if not escaped.ok:
        if escaped.status is None or escaped.status >= 300:
            return []  # a refusal, which the other check judges
        return [judge_case(name, escaped, f"text with {name} has no valid answer: {escaped.outcome}", show)]
    problem = find_spelling_difference(spellings, answers.deterministic)
    problem = problem or _find_cut(spellings, answers.spellings[PLAIN_TEXT])
    if problem:
        return [judge_case(name, spellings.raw or escaped, f"text with {name}: {problem}", show)]
    cases = []
    for exchange in spellings.list_exchanges():
        if exchange.ok:
            problem = _find_changed_text(answers, name, spellings, exchange)
            problem = problem and f"text with {name} comes back changed: {problem}"
            cases.append(judge_case(name, exchange, problem, show))
    return cases


def _find_changed_text(answers: TextAnswers, name: str, spellings: Spellings, exchange: Exchange) -> str | None:
    text, unstreamed = exchange.text, spellings.escaped.text
    if answers.has_echo and (problem := find_mangling(name, text)):
        return problem
    if exchange is not spellings.streamed:
        return None
    if _has_replacement(text) and _REPLACEMENT not in unstreamed:
        return "the streamed text contains U+FFFD, the unstreamed one does not: a character was cut between two pieces"
    if answers.deterministic and text != unstreamed:
        return f"the streamed text is {text!a:.80}, the unstreamed one {unstreamed!a:.80}"
    return None


@judge
def judge_text_acceptance(answers: TextAnswers, show: Show) -> Verdict:
    """Ordinary text is answered; NUL and lone surrogates are answered or refused with a 4xx, in every spelling."""
    if obstacle := _find_obstacle(answers):
        return obstacle
    cases = []
    for name, spellings in answers.spellings.items():
        for exchange in spellings.list_exchanges():
            reaction, problem = classify_reaction(exchange), ""
            if reaction is Reaction.REFUSED and name not in ODD_TEXTS:
                problem = f"text with {name}, which is ordinary text, is refused: {exchange.outcome}"
            elif reaction not in (Reaction.ACCEPTED, Reaction.REFUSED):
                problem = f"text with {name} is neither answered nor clearly refused: {exchange.outcome}"
            cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
    return judge_contract(cases, f"{len(answers.spellings)} texts are each answered, or refused where that is allowed")


def _find_obstacle(answers: TextAnswers) -> Verdict | None:
    """INCONCLUSIVE, if not even ordinary requests are answered, so that nothing can be judged."""
    if answers.control.problem:
        return make_inconclusive(answers.control.problem, n=0)
    plain = answers.spellings[PLAIN_TEXT].escaped
    return None if plain.ok else make_inconclusive(f"plain text is not answered: {plain.outcome}", n=0)


@judge
def judge_unicode_ids(control: Control, given: str, with_id: Exchange, with_query: Exchange, show: Show) -> Verdict:
    """Unicode in a request's id or in its query string changes no answer, and the id is returned unchanged.

    `given` is the id that was sent. Both requests may be refused with a 4xx.
    """
    if control.problem:
        return make_inconclusive(control.problem, n=0)
    cases = []
    for name, exchange in (("an id in Unicode", with_id), ("a query string in Unicode", with_query)):
        reaction, problem = classify_reaction(exchange), ""
        value = exchange.answer.value if exchange.answer else None
        returned = value.get("id") if isinstance(value, dict) else None
        if reaction in _CRASHES or (reaction is Reaction.ACCEPTED and not exchange.ok):
            problem = f"{name} has no valid answer: {exchange.outcome}"
        elif exchange.ok and (change := control.find_change(exchange)):
            problem = f"with {name} the answer differs: {change}"
        elif exchange is with_id and isinstance(returned, str) and _is_mangled_id(returned, given):
            problem = f"the id {given!a} comes back as {returned!a}"
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
    return judge_contract(cases, "Unicode in an id or a query string changes no answer")


def _is_mangled_id(returned: str, given: str) -> bool:
    """Whether a returned id is the given one with its characters changed, and not an id that the service made up."""
    return returned != given and (returned.split(" ")[0] == given.split(" ")[0] or not returned.isascii())

"""Text of all kinds comes through unchanged in every spelling, and so do ids."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

from harness.checks.answers.odd_ids import ODD_IDS, PLAIN_ID, IdAnswer, judge_odd_ids
from harness.checks.generation import unicode
from harness.checks.generation.echo import MARK_AFTER, MARK_BEFORE, ODD_TEXTS, PLAIN_TEXT, UNICODE_TEXTS
from harness.checks.generation.streamed_texts import TRIED_REPEATS, TRIED_TEXTS, TriedAnswers
from harness.checks.generation.unicode import CONFIRMATIONS, Spellings, TextAnswers
from harness.core.errors import UsageError
from harness.core.exchange import Exchange, Query, Request
from harness.core.json_path import find_paths, replace_at
from harness.core.mutation import CRASH_ON_BAD_INPUT
from harness.suite import Session, Verdict, check, mutate, once

from .bad_input_trials import CONTROL_COST, ask_control
from .generated_text import make_query

_LIMIT = 80
"""Tokens: the odd texts are up to 40 bytes, and a byte may be a token."""
_CONFIRMED_TEXTS = 2
"""Texts that are sent again because they seem changed: one that is proven so decides the check."""
_TRIED_REQUESTS = 2 * (len(TRIED_TEXTS) + TRIED_REPEATS)
_TRIED_TOKENS = 2 * (1 + TRIED_REPEATS) * max(text.tokens for text in TRIED_TEXTS.values())
_TEXT_REQUESTS = CONTROL_COST + 6 * len(UNICODE_TEXTS) + 2 + 2 * CONFIRMATIONS * _CONFIRMED_TEXTS + _TRIED_REQUESTS


def _make_query(ai_client: Session, text: str) -> Query:
    """A request to repeat the text between its marks; if nothing is generated, it replaces a text of the sample."""
    marked = f"{MARK_BEFORE} {text} {MARK_AFTER}"
    able, sample = ai_client.capabilities, ai_client.sample()
    if able.generates or able.streaming:
        return make_query(ai_client, _LIMIT, f"Repeat after me: {marked}")
    if able.embeds:
        return replace(sample, inputs=marked)
    # The last text is the content of a message, or a document.
    return replace(sample, inputs=replace_at(sample.inputs, find_paths(sample.inputs, str)[-1], marked))


def _send(ai_client: Session, request: Request) -> Exchange:
    return ai_client.read(ai_client.send(request))


def _ask_spellings(ai_client: Session, name: str) -> Spellings:
    query = _make_query(ai_client, UNICODE_TEXTS[name])
    spellings = Spellings(ai_client.ask(query))
    if name in ODD_TEXTS:
        return spellings  # JSON cannot hold a raw NUL, nor UTF-8 a lone surrogate
    if ai_client.capabilities.streaming:
        spellings = replace(spellings, streamed=_ask_in_way(ai_client, name, "streamed"))
    if not ai_client.endpoint.binary and ai_client.request(query).body[:1] == b"{":
        spellings = replace(spellings, raw=_ask_in_way(ai_client, name, "raw"))
    if unicode.has_unlike_spellings(spellings):
        return replace(spellings, again=ai_client.ask(query))
    return spellings


def _ask_in_way(ai_client: Session, name: str, way: str) -> Exchange:
    """The text sent as this field of `Spellings` has it."""
    query = _make_query(ai_client, UNICODE_TEXTS[name])
    if way == "raw":
        return _send(ai_client, unicode.encode_raw_utf8(ai_client.request(query)))
    return ai_client.ask(replace(query, stream=way == "streamed"))


def _confirm_changes(ai_client: Session, answers: TextAnswers) -> dict[str, Spellings]:
    """The answers with repeats of those in which a text seems changed, each beside its control."""
    confirmed: dict[str, Spellings] = dict(answers.spellings)
    ways = {name: way for name in answers.spellings if (way := answers.find_changed_way(name))}
    for name in list(ways)[:_CONFIRMED_TEXTS]:
        repeats = []
        for _ in range(CONFIRMATIONS):
            repeats.append((_ask_in_way(ai_client, name, ways[name]), _ask_in_way(ai_client, PLAIN_TEXT, ways[name])))
        confirmed[name] = replace(confirmed[name], repeats=tuple(repeats))
    return confirmed


def _ask_tried_texts(ai_client: Session) -> tuple[TriedAnswers, ...]:
    """Each text in which streams lose characters, in both ways; the first that seems changed several times."""
    asked: dict[str, TriedAnswers] = {}
    for name, text in TRIED_TEXTS.items():
        if text.after and not asked[text.after].is_kept_plainly():
            continue
        is_changed = any(answers.has_lost_text() for answers in asked.values())
        answers = _ask_tried_text(ai_client, TriedAnswers(name))
        for _ in range(TRIED_REPEATS if answers.has_lost_text() and not is_changed else 0):
            answers = _ask_tried_text(ai_client, answers)
        asked[name] = answers
    return tuple(asked.values())


def _ask_tried_text(ai_client: Session, before: TriedAnswers) -> TriedAnswers:
    """The answers and one more in each way."""
    text = before.text
    query = make_query(ai_client, text.tokens, f"Repeat after me: {text.words}")
    plain = ai_client.ask(query)
    tried = ai_client.ask(replace(query, stream=text.stream, options={**query.options, **text.options}))
    return TriedAnswers(before.name, (*before.plain, plain), (*before.tried, tried))


@once
def _ask_texts(ai_client: Session) -> TextAnswers:
    control, able = ask_control(ai_client), ai_client.capabilities
    answers: dict[str, Spellings] = {}
    for name in (PLAIN_TEXT,) if control.problem else UNICODE_TEXTS:
        if not any(map(unicode.has_hung, answers.values())):
            answers[name] = _ask_spellings(ai_client, name)
    after, asked_to_echo = ai_client.ask(), able.generates or able.streaming
    tried: tuple[TriedAnswers, ...] = ()
    if able.streaming and able.generates and after.ok and not any(map(unicode.has_hung, answers.values())):
        tried = _ask_tried_texts(ai_client)
    texts = TextAnswers(answers, control, after, ai_client.promises.deterministic, asked_to_echo, tried)
    if texts.deterministic or control.problem or not (texts.asked_to_echo or texts.has_echo):
        return texts
    return replace(texts, spellings=_confirm_changes(ai_client, texts))


@check(
    "text comes through unharmed, however it is spelt",
    needs=("text_input",),
    requests=_TEXT_REQUESTS,
    tokens=_LIMIT * _TEXT_REQUESTS + _TRIED_TOKENS,
    broken_by=(mutate("other_answer", skip=CONTROL_COST),),
)
def test_text_kept(ai_client: Session) -> Verdict:
    return unicode.judge_texts(_ask_texts(ai_client), ai_client.show)


@check(
    "escapes and unusual normal forms come back byte for byte",
    level="warn",
    needs=("text_input", "text_output"),
    requests=0,
    broken_by=(mutate("other_answer", form="escaped"),),
)
def test_text_exact(ai_client: Session) -> Verdict:
    return unicode.judge_exact_texts(_ask_texts(ai_client), ai_client.show)


@check(
    "text is answered, or refused where it is none",
    level="warn",
    needs=("text_input",),
    requests=0,
    broken_by=(CRASH_ON_BAD_INPUT,),
)
def test_text_accepted(ai_client: Session) -> Verdict:
    return unicode.judge_text_acceptance(_ask_texts(ai_client), ai_client.show)


@check(
    "an id in Unicode comes back unchanged and changes nothing",
    needs=("tensors",),
    grounds=("http",),
    requests=CONTROL_COST + 2 + len(ODD_IDS),
    broken_by=(
        mutate("other_answer", skip=CONTROL_COST),
        mutate("answer_status", status=500, skip=CONTROL_COST + 1),
    ),
)
def test_id(ai_client: Session) -> Verdict:
    sample, control = ai_client.sample(), ask_control(ai_client)

    def ask(id_: str) -> IdAnswer:
        request = ai_client.request(replace(sample, options={**sample.options, "id": id_}))
        return IdAnswer(id_, _send(ai_client, unicode.encode_raw_utf8(request)))

    bare = ai_client.request(sample)
    mark = "&" if "?" in bare.path else "?"
    with_query = replace(bare, path=f"{bare.path}{mark}aiharness={quote(ODD_IDS['in Unicode'])}")
    odd = {"a query string in Unicode": IdAnswer(None, _send(ai_client, with_query))}
    plain: IdAnswer | None = None
    with suppress(UsageError):  # a body that is not an object has no place for an id
        plain = ask(PLAIN_ID)
        for name, id_ in ODD_IDS.items():
            odd[f"an id {name}"] = ask(id_)
    return judge_odd_ids(control, plain, odd, ai_client.show)

"""Unicode: a text has the same answer in every JSON spelling, is repeated unchanged, and does the service no harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.checks.bad_input.outcomes import Reaction, classify_reaction
from harness.checks.common import Show, explain_decline, is_clear_refusal, judge, judge_case
from harness.checks.comparison import compare_contents
from harness.checks.control import Control
from harness.checks.generation.echo import (
    EXACT_TEXTS,
    ODD_TEXTS,
    PLAIN_TEXT,
    find_changed_text,
    find_exact_rewriting,
    find_misread_text,
    has_exact_echo,
    has_plain_echo,
    has_replacement,
)
from harness.checks.generation.streamed_texts import TriedAnswers, judge_tried_texts
from harness.checks.generation.text_cases import Unjudged, get_usage
from harness.checks.generation.thinking import explain_no_text, has_text
from harness.core.exchange import Exchange, Request
from harness.core.json_path import list_leaves
from harness.core.verdict import Case, Status, Verdict, judge_contract, make_inconclusive
from harness.stats.chance import count_telling_pairs

_TOKEN_SLACK = 3
"""By how many tokens two prompts may differ of which only the texts between the marks differ."""
_CRASHES = (Reaction.HUNG, Reaction.CRASHED)
"""Reactions that harm the service, whatever was sent; a 5xx says of ordinary text that it was not to be answered."""


CONFIRMATIONS = count_telling_pairs()
"""How often a request whose text seems changed is sent again, each time with its control."""


@dataclass(frozen=True, slots=True)
class Spellings:
    """The answers to one text: sent in ASCII with JSON's escapes, in raw UTF-8, and streamed.

    `again` is the answer to the escaped text sent a second time, which is done only if the two spellings had different
    answers. `repeats` has further answers to the one in which the text seemed changed, each with that to its control:
    plain words, spelt and sent in the same way.
    """

    escaped: Exchange
    raw: Exchange | None = None
    streamed: Exchange | None = None
    again: Exchange | None = None
    repeats: tuple[tuple[Exchange, Exchange], ...] = ()

    def list_exchanges(self) -> list[Exchange]:
        """All exchanges but the repeats."""
        every = (self.escaped, self.raw, self.streamed, self.again)
        return [exchange for exchange in every if exchange is not None]


@dataclass(frozen=True, slots=True)
class TextAnswers:
    """The answers to each text, by its name, and the answer to a valid request sent after them.

    `deterministic`: the service promises the same text for the same request. `asked_to_echo`: the requests ask the
    model to repeat the texts; a model of tensors may do so unasked. `tried` has texts in which streams lose characters,
    of a service that streams.
    """

    spellings: Mapping[str, Spellings]
    control: Control
    after: Exchange
    deterministic: bool = False
    asked_to_echo: bool = False
    tried: tuple[TriedAnswers, ...] = ()

    @property
    def has_echo(self) -> bool:
        """Whether the service repeats plain words between both marks every time, so that a changed text would show."""
        plain = self.spellings[PLAIN_TEXT].list_exchanges()
        return all(has_plain_echo(read_text(exchange)) for exchange in plain)

    @property
    def has_stable_counts(self) -> bool:
        """Whether the plain prompt counts the same tokens each time, cached or not."""
        plain = self.spellings[PLAIN_TEXT].list_exchanges()
        return len(plain) > 1 and len(set(map(_count_prompt_tokens, plain)) - {None}) == 1

    def find_changed_way(self, name: str) -> str | None:
        """The first spelling (a field of `Spellings`) in whose answer the text seems changed; None: in no answer."""
        spellings = self.spellings[name]
        for way in ("escaped", "raw", "streamed"):
            exchange = getattr(spellings, way)
            if exchange is not None and exchange.ok and _is_change(self._find_change(name, exchange)):
                return way
        return None

    def _find_change(self, name: str, exchange: Exchange) -> str | None:
        text, spellings = read_text(exchange), self.spellings[name]
        change = None
        if self.has_echo:
            change = self._find_changed_copy(name, text)
        if _is_change(change) or exchange is not spellings.streamed:
            return change
        if has_replacement(text) and not has_replacement(spellings.escaped.text):
            return "the streamed text contains U+FFFD, the unstreamed one does not: a character was cut in two"
        if self.deterministic and text != spellings.escaped.text:
            return f"the streamed text is {text!a:.80}, the unstreamed one {spellings.escaped.text!a:.80}"
        return change

    def _find_changed_copy(self, name: str, text: str) -> str | None:
        """What is changed in a text that a service repeats: one that does so unasked has no habits of its own."""
        rewriting = find_exact_rewriting(name, text)
        if rewriting and not self.asked_to_echo:
            return rewriting.words
        return find_changed_text(name, text)

    def judge_change(self, name: str, exchange: Exchange) -> str | None:
        """What is changed in the text that a valid answer repeats; `Unjudged` if that may be a habit of the model.

        If the service does not promise the same text each time, every repeat must be changed and every control whole.
        """
        change = self._find_change(name, exchange)
        if not _is_change(change) or self.deterministic or find_misread_text(name, read_text(exchange)):
            return change
        repeats = self.spellings[name].repeats
        for repeated, plain in repeats:
            text = read_text(repeated)
            is_changed = self._find_changed_copy(name, text) if self.has_echo else has_replacement(text)
            is_shown = not self.has_echo or has_plain_echo(read_text(plain))
            if not (is_shown and is_changed and not isinstance(is_changed, Unjudged)):
                return Unjudged(f"{change}, but not each of {1 + len(repeats)} times")
        return change if repeats else Unjudged(f"{change}, once; it was not asked again")


def _is_change(change: str | None) -> bool:
    return bool(change) and not isinstance(change, Unjudged)


def read_text(exchange: Exchange) -> str:
    """The text of an answer: what was generated, or the only text in its outputs; empty if there is none."""
    if exchange.text or exchange.answer is None:
        return exchange.text
    texts = [leaf for leaf in list_leaves(dict(exchange.answer.outputs)) if isinstance(leaf, str)]
    return texts[0] if len(texts) == 1 else ""


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
    is_text = escaped.answer is not None and escaped.answer.text is not None
    if not difference or (is_text and not deterministic):
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
    """No text is changed or cut, has a different answer in another spelling or streamed, or harms the service.

    Where the control shows no echo, no promise and no token counts, nothing shows what became of the texts.
    """
    if obstacle := _find_obstacle(answers):
        return obstacle
    cases: list[Case] = []
    echo_names: list[str] = []
    spelt_names: list[str] = []
    notes: list[str] = []
    for name, spellings in answers.spellings.items():
        case, note = _judge_spellings(answers, name, spellings, show)
        cases.append(case)
        if note:
            notes.append(f"not judged: whether text with {name} is kept: {note}")
        if spellings.escaped.ok:
            (spelt_names if note or not answers.has_echo else echo_names).append(name)
    tried_cases = judge_tried_texts(answers.tried, show)
    cases += tried_cases
    cases.append(answers.control.judge_last_request(answers.after, show))
    evidence = []
    if echo_names:
        evidence.append(f"text is repeated as it was sent: {', '.join(echo_names)}")
    if spelt_names and (how := _describe_comparison(answers)):
        evidence.append(f"text has {how} in raw UTF-8 as in escapes: {', '.join(spelt_names)}")
    if tried_cases and evidence:
        evidence.append(f"{len(tried_cases)} answers, streamed or with a stop sequence, keep every character")
    verdict = judge_contract(cases, "; ".join(evidence))
    if verdict.status is Status.PASS and not evidence:
        return make_inconclusive(f"nothing shows whether text is kept: {_explain_no_echo(answers)}", n=0)
    if answers.asked_to_echo and not answers.has_echo:
        notes = [f"the service does not repeat plain words that it is asked to repeat: {_explain_no_echo(answers)}"]
    return verdict.with_notes(*notes)


def _describe_comparison(answers: TextAnswers) -> str:
    """What equal answers to two spellings have in common; empty if nothing was compared.

    What is the same for every text does not depend on the text, and shows nothing.
    """
    escaped = [spellings.escaped for spellings in answers.spellings.values() if spellings.escaped.ok]
    is_compared = answers.deterministic or not answers.asked_to_echo
    if is_compared and any(compare_contents(escaped[0].content, exchange.content) for exchange in escaped[1:]):
        return "the same answer"
    has_counts = answers.has_stable_counts and len(set(map(_count_prompt_tokens, escaped))) > 1
    return "as many prompt tokens" if has_counts else ""


def _explain_no_echo(answers: TextAnswers) -> str:
    plain = answers.spellings[PLAIN_TEXT].list_exchanges()
    shown = next((exchange for exchange in plain if not has_plain_echo(exchange.text)), plain[0])
    if not answers.asked_to_echo:
        return "all texts have the same answer"
    return explain_no_text(shown) or f"the model answered {shown.text!a:.80}"


def _judge_spellings(answers: TextAnswers, name: str, spellings: Spellings, show: Show) -> tuple[Case, str]:
    """The answers to one text as a case, and why they do not show whether the text is kept, if they do not."""
    escaped = spellings.escaped
    for exchange in spellings.list_exchanges():
        reaction = classify_reaction(exchange)
        if reaction in _CRASHES:
            return judge_case(name, exchange, f"text with {name} harms the service: {exchange.outcome}", show), ""
        if why := explain_decline(exchange):
            return Case(name, unjudged=why), ""
        if reaction is Reaction.BROKEN and name not in ODD_TEXTS:
            problem = f"text with {name}, which is ordinary text, breaks the service: {exchange.outcome}"
            return judge_case(name, exchange, problem, show), ""
    if not escaped.ok:
        is_refusal = escaped.status is None or escaped.status >= 300  # which the other check judges
        problem = "" if is_refusal else f"text with {name} has no valid answer: {escaped.outcome}"
        return judge_case(name, escaped, problem, show), ""
    problem = find_spelling_difference(spellings, answers.deterministic) or ""
    if not problem and answers.has_stable_counts:
        problem = _find_cut(spellings, answers.spellings[PLAIN_TEXT]) or ""
    if problem:
        return judge_case(name, spellings.raw or escaped, f"text with {name}: {problem}", show), ""
    note = ""
    for exchange in filter(has_text, spellings.list_exchanges()):
        change = answers.judge_change(name, exchange)
        if _is_change(change):
            return judge_case(name, exchange, f"text with {name} comes back changed: {change}", show), ""
        note = note or change or ""
    return Case(name), note


@judge
def judge_exact_texts(answers: TextAnswers, show: Show) -> Verdict:
    """Escapes and unusual normal forms come back byte for byte, in one of the answers at least.

    A tokenizer may put letters into another form, and a model may read escapes: the service is only suspected of it.
    """
    if obstacle := _find_obstacle(answers):
        return obstacle
    cases: list[Case] = []
    for name in EXACT_TEXTS:
        exchanges = [exchange for exchange in answers.spellings[name].list_exchanges() if exchange.ok]
        rewritings = [find_exact_rewriting(name, read_text(exchange)) for exchange in exchanges]
        shown = [exchange for exchange in exchanges if has_exact_echo(name, read_text(exchange))]
        if exchanges and all(rewritings) and rewritings[0]:
            cases.append(Case(name, show(f"text with {name}: {rewritings[0].words}", exchanges[0])))
        elif not shown:
            cases.append(Case(name, unjudged="the service does not repeat the words around"))
        else:
            cases.append(Case(name))
    return judge_contract(cases, f"text with {' and with '.join(EXACT_TEXTS)} is repeated byte for byte")


@judge
def judge_text_acceptance(answers: TextAnswers, show: Show) -> Verdict:
    """Ordinary text is answered; NUL and lone surrogates are answered or refused with a 4xx, in every spelling."""
    if obstacle := _find_obstacle(answers):
        return obstacle
    cases, refused = [], 0
    plain = answers.spellings[PLAIN_TEXT].streamed
    refuses_streams = plain is not None and is_clear_refusal(plain)
    for name, spellings in answers.spellings.items():
        refused += Reaction.REFUSED in map(classify_reaction, spellings.list_exchanges())
        for exchange in spellings.list_exchanges():
            reaction, problem = classify_reaction(exchange), ""
            if reaction is Reaction.REFUSED and exchange is spellings.streamed and refuses_streams:
                cases.append(Case(name, unjudged=f"plain words are refused in streams: {exchange.outcome}"))
                continue
            if reaction is Reaction.REFUSED and name not in ODD_TEXTS:
                problem = f"text with {name}, which is ordinary text, is refused: {exchange.outcome}"
            elif reaction not in (Reaction.ACCEPTED, Reaction.REFUSED):
                problem = f"text with {name} is neither answered nor clearly refused: {exchange.outcome}"
            cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
    holds = f"{len(answers.spellings) - refused} of {len(answers.spellings)} texts are accepted"
    if refused:
        holds += f", {refused} refused, as they may be"
    return judge_contract(cases, holds)


def _find_obstacle(answers: TextAnswers) -> Verdict | None:
    """INCONCLUSIVE, if not even ordinary requests are answered, so that nothing can be judged."""
    if answers.control.problem:
        return make_inconclusive(answers.control.problem, n=0)
    plain = answers.spellings[PLAIN_TEXT].escaped
    return None if plain.ok else make_inconclusive(f"plain text is not answered: {plain.outcome}", n=0)

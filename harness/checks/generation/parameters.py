"""Parameters of generation work: max_tokens, stop, seed, temperature; and an answer that was cut says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from harness.checks.common import Show, explain_decline, is_clear_refusal, judge
from harness.checks.generation.text_cases import (
    Unjudged,
    count_common,
    count_text_tokens,
    get_usage,
    is_beginning,
    is_cut,
    is_unknown_form,
    judge_both_ways,
    judge_exchange,
    name_refused,
)
from harness.checks.generation.thinking import describe_no_content, explain_spent_limit
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_SPELLING_SLACK = 3
"""Prompt tokens by which a spelling may differ: some templates set parts on lines of their own."""
_SHOWN = 6
"""Characters by which the text after a stop sequence is recognised if the sequence itself was removed."""
_COMPLETE_REASONS = ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "tool_calls", "function_call")
"""Finish reasons that declare an answer complete."""
_EMPTY = "the answer is empty, and no limit cut it"
_NOTHING_TO_COMPARE = "the request without the limit has no valid answer to compare with"


@dataclass(frozen=True, slots=True)
class LimitedText:
    """A text of one request, and the limit of tokens with which its answers are to be cut.

    `promised`: the service answers the same request with the same text. `again`, where that is not promised, is the
    long answer asked once more.
    """

    long: Exchange
    limit: int
    promised: bool
    again: Exchange | None = None

    def is_beginning_at_limit(self, answer: Answer) -> bool:
        """Whether the limit has cut an answer: it is the beginning of the long one, and has reached the limit.

        Unless determinism is promised, an answer may have ended by itself where it is the beginning of the long one.
        Its stated tokens must have reached the limit, or, where none are stated, the long answer is the same each time.
        """
        if not is_beginning(answer.text or "", self.long.text):
            return False
        tokens = get_usage(answer).completion_tokens
        if self.promised:
            return True
        if tokens is not None:
            return tokens >= self.limit
        return self.again is not None and self.again.ok and self.again.text == self.long.text

    def find_text_problem(self, answer: Answer) -> str | None:
        """What the text of an answer says against its limit or its finish reason; a sampled text may say so by chance.

        One that is asked again (`LIMIT_REPEATS`) and says so each time is no chance.
        """
        text = answer.text or ""
        if text.strip() and text == self.long.text:
            return f"the text is as long with max_tokens {self.limit} as with a larger limit"
        if not is_cut(answer) and self.is_beginning_at_limit(answer):
            return f"the answer was cut, and its finish reason is {answer.finish_reason!r}, not 'length'"
        return None


LIMIT_REPEATS = 4
"""How often a request is asked again whose text seems to break its limit, unless determinism is promised.

A model that ends its answer at any of 8 tokens with the same chance ends five answers just at the limit with a chance
of 0.00003.
"""


@judge
def judge_max_tokens(
    text: LimitedText, short: Sequence[Exchange], own: Exchange, own_limit: int, show: Show
) -> Verdict:
    """`max_tokens` bounds an answer, and the finish reason says whether it cut it.

    `short` are the answers with the limit, and `own` is one that could end by itself within `own_limit`. With promised
    determinism a short answer must be the beginning of the long one.
    """
    if not text.long.ok:
        return make_inconclusive(_NOTHING_TO_COMPARE, n=0)
    limit, longer = text.limit, text.long.text

    def find_unbounded(answer: Answer) -> str | None:
        tokens, words = get_usage(answer).completion_tokens, answer.text or ""
        if (counted := count_text_tokens(answer)) is not None and counted > limit:
            return f"{counted} completion tokens with max_tokens {limit}"
        if not words.strip() and (tokens is None or not is_cut(answer)):
            return Unjudged(explain_spent_limit(answer) or _EMPTY)
        if text.promised and words.strip() and words != longer and not is_beginning(words, longer):
            return f"{words[:60]!r} is not the beginning of the longer answer {longer[:60]!r}"
        return text.find_text_problem(answer)

    cases = judge_both_ways(short, find_unbounded, show)
    cases.append(
        judge_exchange("with room to spare", own, partial(_find_false_cut, long=text.long, own_limit=own_limit), show)
    )
    return judge_contract(cases, f"max_tokens {limit} bounds the answer, and its finish reason says so")


@judge
def judge_output_limit(limit: int, answers: Sequence[tuple[int, Exchange]], show: Show) -> Verdict:
    """No answer has more tokens than the service's own limit, whatever `max_tokens` was asked for (its number beside
    each answer); a request for more may be refused with a 4xx."""
    cases = []
    for asked, exchange in answers:
        name = f"max_tokens {asked}"
        if is_clear_refusal(exchange):
            cases.append(Case(name))
            continue

        def find_excess(answer: Answer, asked: int = asked) -> str | None:
            tokens = get_usage(answer).completion_tokens
            counted = count_text_tokens(answer) if tokens is None else tokens
            if counted is None:
                return Unjudged("the answer states no tokens")
            if counted > limit:
                return f"{counted} completion tokens, and output_limit promises at most {limit}"
            if counted < min(asked, limit) and not is_cut(answer):
                return Unjudged(f"the answer ended by itself after {counted} tokens")
            return None

        cases.append(judge_exchange(name, exchange, find_excess, show))
    return judge_contract(cases, f"no answer has more than {limit} tokens, asked for up to {answers[-1][0]}")


def _find_false_cut(answer: Answer, long: Exchange, own_limit: int) -> str | None:
    """Whether an answer says that a limit of tokens cut it which it did not reach."""
    usage = get_usage(answer)
    # Some services do not count thinking as completion tokens.
    if not is_cut(answer) or usage.completion_tokens is None:
        return None
    if usage.completion_tokens + (usage.reasoning_tokens or 0) >= own_limit:
        return None
    if long.answer and is_cut(long.answer) and get_usage(long.answer).completion_tokens == usage.completion_tokens:
        return Unjudged(f"the service has a limit of its own: {usage.completion_tokens} tokens")
    return f"the finish reason is {answer.finish_reason!r} after {usage.completion_tokens} tokens of {own_limit}"


@judge
def judge_spellings(
    first: Exchange, again: Exchange, respelled: Mapping[str, Exchange], show: Show, *, promised: bool
) -> Verdict:
    """The same request, spelt otherwise, counts the same prompt and, with `promised` determinism, has the same text.

    `first` and `again` are its answers in the plain spelling. A spelling may be refused, as it may not be known.
    """
    if not (first.ok and again.ok):
        return make_inconclusive(_NOTHING_TO_COMPARE, n=0)
    if not first.text.strip():
        return make_inconclusive(describe_no_content(first), n=0)
    expected = get_usage(first.answer).prompt_tokens
    if expected != get_usage(again.answer).prompt_tokens:
        expected = None
    refused: dict[str, Exchange] = {}

    def find_problem(answer: Answer) -> str | None:
        tokens = get_usage(answer).prompt_tokens
        if expected is not None and tokens is not None and abs(tokens - expected) > _SPELLING_SLACK:
            return f"{tokens} prompt tokens, and {expected} in the plain spelling"
        if promised and first.text == again.text != answer.text:
            return f"the text is {answer.text!r:.60}, and {first.text!r:.60} in the plain spelling"
        return None

    cases = []
    for words, exchange in respelled.items():
        if is_unknown_form(exchange):
            refused[f"with {words}"] = exchange
            cases.append(Case(words))
        else:
            cases.append(judge_exchange(f"with {words}", exchange, find_problem, show))
    holds = f"a request in {len(respelled) - len(refused)} other spellings is answered as in the plain one"
    return judge_contract(cases, name_refused(holds, refused))


@judge
def judge_cut_endings(text: LimitedText, short: Sequence[Exchange], show: Show) -> Verdict:
    """An answer that `max_tokens` cut is not declared complete; one that says that it was cut holds.

    A service that ignores `max_tokens` cuts nothing: it gives the longer answer itself.
    """
    long, limit = text.long, text.limit
    if not long.ok:
        return make_inconclusive(_NOTHING_TO_COMPARE, n=0)

    def find_problem(answer: Answer) -> str | None:
        tokens = get_usage(answer).completion_tokens
        is_empty = not (answer.text or "").strip()
        if _is_whole(answer, long) or is_cut(answer):
            return None
        if is_empty and (tokens is None or tokens < limit):
            return Unjudged(_EMPTY)
        if not text.is_beginning_at_limit(answer):
            return Unjudged(f"max_tokens {limit} did not visibly cut the answer")
        if answer.finish_reason in _COMPLETE_REASONS:
            return f"the answer was cut at max_tokens {limit} and declared complete ({answer.finish_reason!r})"
        return None

    cases = []
    for case, exchange in zip(judge_both_ways(short, find_problem, show), short, strict=True):
        cases.append(Case(case.name, unjudged=exchange.outcome) if is_clear_refusal(exchange) else case)
    holds = "an answer that is cut is not declared complete"
    if any(_is_whole(exchange.answer, long) for exchange in short):
        holds = f"max_tokens {limit} did not cut the answer, which is the same text as with a larger limit"
    return judge_contract(cases, holds)


def _is_whole(answer: Answer | None, long: Exchange) -> bool:
    """Whether an answer is the text of the longer one, which no limit cut: the service ignores `max_tokens`."""
    if answer is None or long.answer is None or is_cut(long.answer):
        return False
    text = (answer.text or "").strip()
    return bool(text) and text == long.text.strip()


@judge
def judge_stop_sequence(
    long: Exchange, stop: str, exchanges: Sequence[Exchange], show: Show, *, promised: bool
) -> Verdict:
    """The text ends before the stop sequence `stop`, which `long`, the same request without it, contains."""
    if not long.ok:
        return make_inconclusive(f"the request without a stop sequence has no valid answer: {long.outcome}", n=0)
    expected, _, rest = long.text.partition(stop)

    def find_problem(answer: Answer) -> str | None:
        text = answer.text or ""
        if stop in text:
            return f"the text contains the stop sequence {stop!r}: {text[-60:]!r}"
        if text.rstrip() != expected.rstrip():
            if rest.strip() and expected.strip() and text.startswith(expected + rest[:_SHOWN]):
                return f"the text goes on after the stop sequence {stop!r}: {text[-60:]!r}"
            if not text.strip():
                return Unjudged(
                    explain_spent_limit(answer)
                    or "the answer is empty: another one, or its thinking had the stop sequence"
                )
            if promised:
                return f"the text {text[-60:]!r} does not end where the stop sequence {stop!r} begins"
            return Unjudged("this text is another one, which may not contain the stop sequence")
        if is_cut(answer):
            return f"a stop sequence ended the text, and the finish reason is {answer.finish_reason!r}"
        return None

    cases = judge_both_ways(exchanges, find_problem, show)
    return judge_contract(cases, f"the text ends before the stop sequence {stop!r}")


@judge
def judge_same_text(name: str, exchanges: Sequence[Exchange], show: Show, others: Sequence[Exchange] = ()) -> Verdict:
    """The same request has the same text each time; `others` are the answers with another seed.

    If the others have that text too, nothing shows whether the seed is used, which a note says. A seed may be refused.
    """
    first, expected = exchanges[0], exchanges[0].text
    if others and all(is_clear_refusal(exchange) and not explain_decline(exchange) for exchange in exchanges):
        return judge_contract([Case("a refusal")], f"{name} is refused each time: {first.outcome}")
    if not first.ok or not expected.strip():
        why = describe_no_content(first)
        return make_inconclusive(f"the first answer has no text to compare with: {why}", n=0)

    def find_problem(answer: Answer) -> str | None:
        text = answer.text or ""
        if text == expected:
            return None
        at = count_common(text, expected)
        return f"the same request gives {text[at : at + 30]!r} and {expected[at : at + 30]!r} at character {at}"

    cases = []
    for count, exchange in enumerate(exchanges[1:], 2):
        cases.append(judge_exchange(f"time {count}", exchange, find_problem, show))
    verdict = judge_contract(cases, f"{name}: the same text {len(exchanges)} times", distinct=1)
    if others and {exchange.text for exchange in others if exchange.ok} <= {expected}:
        return verdict.with_notes("another seed gives the same text too: nothing shows that the seed is used")
    return verdict

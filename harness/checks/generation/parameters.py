"""Parameters of generation do what they say: max_tokens, stop, seed, temperature. An answer that was cut says so."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, clearly_refused, judge, told
from harness.checks.comparison import parting
from harness.checks.generation.text_cases import Unjudged, begins, judged, text_of, usage_of, whole_and_streamed
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

CUT = ("length", "max_tokens")
"""Finish reasons that say the limit cut the answer."""
_SHOWN = 6
"""Characters by which the text after a stop sequence is known again, where the sequence itself was taken out."""
WHOLE = ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "tool_calls", "function_call")
"""Finish reasons that declare an answer complete."""


@judge
def limited(
    long: Exchange, short: Sequence[Exchange], limit: int, own: Exchange, own_limit: int, show: Show, *, promised: bool
) -> Verdict:
    """`max_tokens` bounds an answer, and the finish reason says whether it did.

    `long` is the same request with room for more, `short` its answers with `limit`, and `own` an answer that had room
    to end by itself within `own_limit`. With `promised` determinism a short answer must begin the long one.
    """
    if not long.ok:
        return make_inconclusive("the request without the limit has no valid answer to compare with", n=0)

    def bounded(answer: Answer) -> str | None:
        made, text, whole = usage_of(answer).completion_tokens, answer.text or "", text_of(long)
        if made is not None and made > limit:
            return f"{made} completion tokens with max_tokens {limit}"
        if text == whole:
            return f"the text is as long with max_tokens {limit} as it is with more"
        if promised and not begins(text, whole):
            return f"{text[:60]!r} does not begin the longer answer {whole[:60]!r}"
        if begins(text, whole) and answer.finish_reason not in CUT:
            return f"the answer was cut, and its finish reason is {answer.finish_reason!r}, not 'length'"
        return None

    def ended(answer: Answer) -> str | None:
        made = usage_of(answer).completion_tokens
        if made is not None and made < own_limit and answer.finish_reason in CUT:
            return f"the finish reason is {answer.finish_reason!r} after {made} tokens of {own_limit}"
        return None

    cases = [*whole_and_streamed(short, bounded, show), judged("with room to spare", own, ended, show)]
    return judge_contract(cases, f"max_tokens {limit} bounds the answer, and its finish reason says so")


@judge
def honest_ending(long: Exchange, short: Sequence[Exchange], limit: int, show: Show, *, promised: bool) -> Verdict:
    """An answer that `max_tokens` cut is not declared complete.

    That it was cut shows where it is the beginning of the longer answer to the same request. Unless determinism is
    `promised`, its stated tokens must have reached the limit too: the service may have ended another answer there.
    """
    if not long.ok:
        return make_inconclusive("the request without the limit has no valid answer to compare with", n=0)

    def problem(answer: Answer) -> str | None:
        made = usage_of(answer).completion_tokens
        if not begins(answer.text or "", text_of(long)) or not (promised or made is None or made >= limit):
            return Unjudged(f"max_tokens {limit} did not visibly cut the answer")
        if answer.finish_reason in WHOLE:
            return f"the answer was cut at max_tokens {limit} and declared complete ({answer.finish_reason!r})"
        return None

    found = zip(short, whole_and_streamed(short, problem, show), strict=True)
    cases = [Case(each.name, unjudged=told(answer)) if clearly_refused(answer) else each for answer, each in found]
    return judge_contract(cases, "an answer that is cut is not declared complete")


@judge
def stopped(long: Exchange, stop: str, found: Sequence[Exchange], show: Show, *, promised: bool) -> Verdict:
    """The text ends before the stop sequence `stop`, which `long`, the same request without it, contains."""
    if not long.ok:
        return make_inconclusive(f"the request without a stop sequence has no valid answer: {told(long)}", n=0)
    expected, _, rest = text_of(long).partition(stop)

    def problem(answer: Answer) -> str | None:
        text = answer.text or ""
        if stop in text:
            return f"the stop sequence {stop!r} stands in the text {text[-60:]!r}"
        if text.rstrip() != expected.rstrip():
            if rest.strip() and expected.strip() and text.startswith(expected + rest[:_SHOWN]):
                return f"the text goes on after the stop sequence {stop!r}: {text[-60:]!r}"
            if promised:
                return f"the text {text[-60:]!r} does not end where the stop sequence {stop!r} comes"
            return Unjudged("this time the text is another one, in which the stop sequence may not come")
        if answer.finish_reason in CUT:
            return f"a stop sequence ended the text, and the finish reason is {answer.finish_reason!r}"
        return None

    return judge_contract(whole_and_streamed(found, problem, show), f"the text ends before the stop sequence {stop!r}")


@judge
def same_text(name: str, found: Sequence[Exchange], show: Show, others: Sequence[Exchange] = ()) -> Verdict:
    """The same request has the same text each time; `others` are those with another seed.

    Where the others have that text too nothing shows whether the seed is heard, which is noted.
    """
    first = found[0]
    if not first.ok or not text_of(first).strip():
        return make_inconclusive("the first answer has no text to compare with", n=0)

    def problem(answer: Answer) -> str | None:
        text, expected = answer.text or "", text_of(first)
        if text == expected:
            return None
        at = parting(text, expected)
        return f"the same request gives {text[at : at + 30]!r} and {expected[at : at + 30]!r} at character {at}"

    cases: list[Case] = [judged(f"time {count}", each, problem, show) for count, each in enumerate(found[1:], 2)]
    verdict = judge_contract(cases, f"{name}: the same text {len(found)} times", distinct=1)
    if others and {text_of(each) for each in others if each.ok} <= {text_of(first)}:
        return verdict.with_notes("another seed gives the same text too: nothing shows that the seed is heard")
    return verdict

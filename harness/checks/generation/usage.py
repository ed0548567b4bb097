"""Token counts: stated, adding up, and the same for the same request."""

from __future__ import annotations

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import Unjudged, judged, text_of, usage_of
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract


@judge
def adds_up(first: Exchange, again: Exchange, longer: Exchange, limit: int, show: Show) -> Verdict:
    """The counts of each answer add up within `limit` completion tokens; equal prompts count equal, longer ones more.

    `again` repeats the request of `first`, `longer` has more text before the same prompt.
    """
    prompt = usage_of(first.answer).prompt_tokens

    def repeated(answer: Answer) -> str | None:
        return _sums(answer, limit) or _same_prompt(answer, prompt)

    def lengthened(answer: Answer) -> str | None:
        if problem := _sums(answer, limit):
            return problem
        found = usage_of(answer).prompt_tokens
        if prompt is not None and found is not None and found <= prompt:
            return f"a longer prompt counts {found} prompt tokens, the shorter one {prompt}"
        return None

    cases = [
        judged("an answer", first, lambda answer: _sums(answer, limit), show),
        judged("the same again", again, repeated, show),
        judged("with a longer prompt", longer, lengthened, show),
    ]
    return judge_contract(cases, f"token counts are stated, add up, and follow the prompt ({prompt} prompt tokens)")


@judge
def streamed(whole: Exchange, stream: Exchange, limit: int, show: Show, *, deterministic: bool) -> Verdict:
    """A stream states the prompt tokens of the whole answer, and where that is promised its completion tokens too."""
    expected = whole.answer.usage if whole.ok and whole.answer else None

    def problem(answer: Answer) -> str | None:
        if found := _sums(answer, limit):
            return found
        if expected is None or answer.usage is None:
            return Unjudged("the whole answer states no counts to compare with")
        if found := _same_prompt(answer, expected.prompt_tokens):
            return found
        counts = (answer.usage.completion_tokens, expected.completion_tokens)
        if deterministic and text_of(whole) == answer.text and counts[0] != counts[1]:
            return f"{counts[0]} completion tokens streamed, {counts[1]} whole, for the same text"
        return None

    return judge_contract([judged("a stream", stream, problem, show)], "a stream states the counts of the whole answer")


@judge
def choices(single: Exchange, several: Exchange, n: int, limit: int, show: Show) -> Verdict:
    """All `n` choices are counted, and the prompt is as it is for one.

    `single` is the answer to the same request without `n`: n times its text costs n times its tokens.
    """
    one = single.answer.usage if single.ok and single.answer else None

    def problem(answer: Answer) -> str | None:
        if len(answer.choices) != n:
            return Unjudged(f"n={n} brings {len(answer.choices)} choices")
        if found := _sums(answer, n * limit):
            return found
        made = usage_of(answer).completion_tokens or 0
        texts = [choice.text for choice in answer.choices]
        if made < sum(bool(text.strip()) for text in texts):
            return f"{made} completion tokens for {len(texts)} texts"
        if one and one.completion_tokens and set(texts) == {text_of(single)}:
            expected = n * one.completion_tokens
            return None if made == expected else f"{made} completion tokens for {n} texts of {one.completion_tokens}"
        return None

    return judge_contract([judged(f"n={n}", several, problem, show)], f"the tokens of all {n} choices are counted")


def _same_prompt(answer: Answer, expected: int | None) -> str | None:
    found = usage_of(answer).prompt_tokens
    return None if found == expected else f"{found} prompt tokens, and {expected} for the same request before"


def _sums(answer: Answer, limit: int) -> str | None:
    if answer.usage is None:
        return "no token counts are stated (usage)"
    prompt, made, total = answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens
    if prompt is None or made is None:
        return f"usage does not state {'prompt_tokens' if prompt is None else 'completion_tokens'}"
    if total is not None and total != prompt + made:  # not every protocol has a total
        return f"total_tokens is {total}, prompt and completion tokens are {prompt} and {made}"
    if prompt == 0:
        return "0 prompt tokens for a prompt"
    if made == 0 and answer.text:
        return f"0 completion tokens for the text {answer.text[:40]!r}"
    return f"{made} completion tokens, though at most {limit} may be made" if made > limit else None

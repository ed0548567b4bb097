"""Token counts: stated, adding up, and the same for the same request."""

from __future__ import annotations

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import Unjudged, count_text_tokens, get_usage, is_cut, judge_exchange
from harness.checks.generation.thinking import explain_spent_limit
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_SURE_LIMIT = 64
"""A larger limit may not be what ended an answer: services have limits of their own."""


@judge
def judge_token_counts(first: Exchange, again: Exchange, longer: Exchange, limit: int, show: Show) -> Verdict:
    """The counts of each answer add up within `limit` completion tokens; equal prompts count equal, longer ones more.

    `again` repeats the request of `first`, `longer` has more text before the same prompt.
    """
    prompt = get_usage(first.answer).prompt_tokens

    def find_problem(answer: Answer) -> str | None:
        return _find_bad_sum(answer, limit)

    def find_problem_of_repeat(answer: Answer) -> str | None:
        return _find_bad_sum(answer, limit) or _find_other_prompt(answer, prompt)

    def find_problem_of_longer(answer: Answer) -> str | None:
        tokens = get_usage(answer).prompt_tokens
        if problem := _find_bad_sum(answer, limit):
            return problem
        if prompt is not None and tokens is not None and tokens <= prompt:
            return f"a longer prompt counts {tokens} prompt tokens, the shorter one {prompt}"
        return None

    cases = [
        judge_exchange("an answer", first, find_problem, show),
        judge_exchange("the same again", again, find_problem_of_repeat, show),
        judge_exchange("with a longer prompt", longer, find_problem_of_longer, show),
    ]
    has_totals = all(get_usage(exchange.answer).total_tokens is not None for exchange in (first, again, longer))
    stated = "are stated, add up," if has_totals else "are stated (without a total)"
    return judge_contract(cases, f"token counts {stated} and follow the prompt ({prompt} prompt tokens)")


@judge
def judge_streamed_counts(whole: Exchange, stream: Exchange, limit: int, show: Show, *, deterministic: bool) -> Verdict:
    """A stream states the prompt tokens of the whole answer, and its completion tokens too if that is promised."""
    expected = whole.answer.usage if whole.ok and whole.answer else None

    def find_problem(answer: Answer) -> str | None:
        if problem := _find_bad_sum(answer, limit):
            return problem
        if expected is None or answer.usage is None:
            return Unjudged("the whole answer states no counts to compare with")
        if problem := _find_other_prompt(answer, expected.prompt_tokens):
            return problem
        streamed, counted = answer.usage.completion_tokens, expected.completion_tokens
        if deterministic and whole.text == answer.text != "" and streamed != counted:
            return f"{streamed} completion tokens streamed, {counted} whole, for the same text"
        return None

    if not stream.ok:
        return make_inconclusive(f"no stream was answered, which another check judges: {stream.outcome}", n=0)
    cases = [judge_exchange("a stream", stream, find_problem, show)]
    counts = "the prompt tokens"
    if deterministic and whole.text == stream.text != "":
        counts = "the prompt and completion tokens"
    return judge_contract(cases, f"a stream states {counts} of the whole answer")


@judge
def judge_choice_counts(single: Exchange, several: Exchange, n: int, limit: int, show: Show) -> Verdict:
    """All `n` choices are counted, and the prompt is counted as for one.

    `single` is the answer to the same request without `n`: n times its text costs n times its tokens.
    """
    usage = get_usage(single.answer if single.ok else None)

    def find_problem(answer: Answer) -> str | None:
        if len(answer.choices) != n:
            return Unjudged(f"n={n} gives {len(answer.choices)} choices")
        if problem := _find_bad_sum(answer, n * limit):
            return problem
        tokens = get_usage(answer).completion_tokens or 0
        texts = [choice.text for choice in answer.choices]
        filled = sum(bool(text.strip()) for text in texts)
        if tokens < filled:
            return f"{tokens} completion tokens for {filled} texts"
        if not filled:
            return Unjudged(explain_spent_limit(answer) or f"none of {len(texts)} choices has a text to count")
        one, thinks = usage.completion_tokens, any(choice.reasoning for choice in answer.choices)
        if one and not thinks and set(texts) == {single.text} and tokens != n * one:
            return f"{tokens} completion tokens for {n} texts of {one}"
        return None

    case = judge_exchange(f"n={n}", several, find_problem, show)
    holds = f"the tokens of all {n} choices are counted"
    texts = {choice.text for choice in several.answer.choices} if several.answer else set()
    if texts != {single.text}:
        holds = f"at least one token is counted for each text of {n} choices; texts that differ cost what they cost"
    return judge_contract([case], holds)


def _find_other_prompt(answer: Answer, expected: int | None) -> str | None:
    tokens = get_usage(answer).prompt_tokens
    if expected is None:
        return Unjudged("the same request before has no count to compare with")
    return None if tokens == expected else f"{tokens} prompt tokens, and {expected} for the same request before"


def _find_bad_sum(answer: Answer, limit: int) -> str | None:
    if answer.usage is None:
        return "no token counts are stated (usage)"
    prompt, completion, total = answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens
    if prompt is None or completion is None:
        return f"usage does not state {'prompt_tokens' if prompt is None else 'completion_tokens'}"
    sums = (prompt + completion, prompt + completion + (answer.usage.reasoning_tokens or 0))
    if total is not None and total not in sums:  # not every protocol has a total; some count thinking only there
        return f"total_tokens is {total}, prompt and completion tokens are {prompt} and {completion}"
    if prompt == 0:
        return "0 prompt tokens for a prompt"
    if completion == 0 and answer.text:
        return f"0 completion tokens for the text {answer.text[:40]!r}"
    if is_cut(answer) and completion + (answer.usage.reasoning_tokens or 0) < min(limit, _SURE_LIMIT) / 2:
        return f"{completion} completion tokens, although the limit of {limit} ended the answer"
    counted = count_text_tokens(answer)
    if counted is None or counted <= limit:
        return None
    return f"{counted} completion tokens, although the limit is {limit}"

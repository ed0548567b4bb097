"""The service counts tokens, and the counts add up."""

from __future__ import annotations

from harness.checks.generation import usage
from harness.suite import Session, Verdict, check, mutate

from .generated_text import SHORT, ask_counts, get_limit, make_query

_N = 2


@check(
    "token counts add up and follow the prompt",
    level="warn",
    needs=("generates",),
    requests=3,
    tokens=3 * SHORT,
    broken_by=(mutate("wrong_token_counts"),),
)
def test_counts(ai_client: Session) -> Verdict:
    first, again, longer = ask_counts(ai_client)
    return usage.judge_token_counts(first, again, longer, get_limit(ai_client, SHORT), ai_client.show)


@check(
    "a stream has the token counts of the whole answer",
    level="warn",
    needs=("generates", "streaming"),
    requests=4,
    tokens=4 * SHORT,
    broken_by=(mutate("wrong_token_counts", skip=1), mutate("wrong_token_counts")),
)
def test_streamed_counts(ai_client: Session) -> Verdict:
    stream = ai_client.ask(make_query(ai_client, SHORT, stream=True))
    whole, promised = ask_counts(ai_client)[0], ai_client.promises.deterministic
    limit = get_limit(ai_client, SHORT)
    return usage.judge_streamed_counts(whole, stream, limit, ai_client.show, deterministic=promised)


@check(
    "the tokens of all choices are counted",
    level="warn",
    needs=("generates", "chat_options"),
    grounds=("choices",),
    requests=4,
    tokens=(3 + _N) * SHORT,
    answers=3 + _N,
    broken_by=(mutate("wrong_token_counts"),),
)
def test_choices_counted(ai_client: Session) -> Verdict:
    several = ai_client.ask(make_query(ai_client, SHORT, n=_N, temperature=1))
    return usage.judge_choice_counts(ask_counts(ai_client)[0], several, _N, get_limit(ai_client, SHORT), ai_client.show)

"""A cached answer to one request is never given to another."""

from __future__ import annotations

from harness.checks.isolation import cache
from harness.run import request_pairs, row_pairs
from harness.run.conversation_pairs import CONVERSATION_REQUESTS, make_conversation_pairs
from harness.run.option_pairs import (
    OPTION_REQUESTS,
    VECTOR_OPTION_REQUESTS,
    make_option_pairs,
    make_vector_option_pairs,
)
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate

_FROM_CACHE = (mutate("accept_refused", answered="4*", skip=1), mutate("stale_answer", skip=2))
"""A request for a model that does not exist, refused at first, gets the answer of another; so do all others."""

_PROMPT_REQUESTS = request_pairs.PROMPT_REQUESTS + CONVERSATION_REQUESTS + OPTION_REQUESTS


@check(
    "rows that differ in one number have their own answers",
    needs=("tensors",),
    requests=row_pairs.ROW_REQUESTS,
    broken_by=_FROM_CACHE,
)
def test_rows(ai_client: Session) -> Verdict:
    return cache.judge_pairs(row_pairs.ask_row_pairs(ai_client, Rows(ai_client)), ai_client.show)


@check(
    "prompts and options that differ in one element have their own answers",
    needs=("generates",),
    requests=_PROMPT_REQUESTS,
    tokens=16 * _PROMPT_REQUESTS,
    broken_by=_FROM_CACHE,
)
def test_prompts(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    more = [*make_conversation_pairs(ai_client, rows), *make_option_pairs(ai_client, rows)]
    asked = [*request_pairs.ask_prompt_pairs(ai_client, rows), *request_pairs.ask_pairs(ai_client, more)]
    return cache.judge_pairs(asked, ai_client.show)


@check(
    "texts and options that differ in one element have their own vectors",
    needs=("embeds",),
    requests=request_pairs.TEXT_REQUESTS + VECTOR_OPTION_REQUESTS,
    broken_by=_FROM_CACHE,
)
def test_texts(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    options = request_pairs.ask_pairs(ai_client, make_vector_option_pairs(ai_client, rows))
    return cache.judge_pairs([*request_pairs.ask_text_pairs(ai_client, rows), *options], ai_client.show)


@check(
    "an answer given to an authorised caller is refused to others",
    grounds=("credentials",),
    requests=5,
    tokens=16 * 5,
    broken_by=(mutate("accept_refused", answered="4*", skip=1),),
)
def test_credentials(ai_client: Session) -> Verdict:
    right = ai_client.endpoint.credentials
    assert right is not None
    rows = Rows(ai_client)
    used, fresh = (rows.query([row]) for row in rows.draw_fresh(2, "credentials"))
    control = ai_client.ask(fresh, credentials=right.make_wrong())
    first, again = ai_client.ask(used), ai_client.ask(used)
    attempts = [ai_client.ask(used, credentials=right.make_wrong()), ai_client.ask(used, credentials=None)]
    return cache.judge_cached_credentials(first, again, control, attempts, ai_client.show)

"""The streamed answer: one stream, judged in every respect."""

from __future__ import annotations

from harness.checks.generation import stream
from harness.checks.generation.thinking import EMPTY_TRIES, may_be_misplaced
from harness.core.exchange import Exchange
from harness.run.empty_answers import ask_again_if_empty
from harness.suite import Session, Verdict, check, mutate, once

_COMPLETE = 2 * EMPTY_TRIES
_CUT = (mutate("truncate_stream", events=3),)


@once
def _ask_stream(ai_client: Session) -> Exchange:
    """The one stream of this process: a stuck one costs its deadline once, not once a check."""
    return ai_client.ask(ai_client.sample(stream=True))


@check(
    "a stream is whole, in order and ended once",
    needs=("streaming",),
    requests=_COMPLETE,
    tokens=16 * _COMPLETE,
    broken_by=_CUT,
)
def test_complete(ai_client: Session) -> Verdict:
    query = ai_client.sample(stream=True)
    streams, whole = [_ask_stream(ai_client)], [ai_client.once("whole", ai_client.ask)]
    if may_be_misplaced(_ask_stream(ai_client), whole[0]):
        for _ in range(EMPTY_TRIES - 1):
            streams.append(ai_client.ask(query))
            whole.append(ai_client.ask())
    else:
        streams += ask_again_if_empty(ai_client, _ask_stream(ai_client), query)
    return stream.judge_stream(streams, ai_client.show, whole)


@check(
    "a stream ends with its terminator",
    level="warn",
    needs=("streaming",),
    tokens=16,
    broken_by=(mutate("unfinished_stream"),),
)
def test_terminator(ai_client: Session) -> Verdict:
    return stream.judge_terminator(_ask_stream(ai_client), ai_client.show)


@check(
    "a stream names the role first",
    level="warn",
    needs=("streaming", "roles"),
    tokens=16,
    broken_by=(mutate("drop_events"),),
)
def test_role(ai_client: Session) -> Verdict:
    return stream.judge_role(_ask_stream(ai_client), ai_client.show)


@check(
    "streamed and whole text are the same",
    needs=("streaming",),
    grounds=("deterministic",),
    requests=2,
    tokens=32,
    broken_by=(mutate("other_answer", media_type="stream"),),
)
def test_same_text(ai_client: Session) -> Verdict:
    return stream.judge_streamed_text(_ask_stream(ai_client), ai_client.ask(), ai_client.show)

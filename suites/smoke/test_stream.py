"""The streamed answer: one stream, judged in every respect."""

from __future__ import annotations

import pytest

from harness.checks import stream
from harness.core.errors import BudgetExhausted
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict
from harness.run.session import Session
from harness.suite import check


@pytest.fixture
def streamed(ai: Session) -> Exchange:
    """The one stream of this process: a stuck one costs its deadline once, not once a check."""
    try:
        return ai.once("stream", lambda: ai.ask(ai.sample(stream=True)))
    except BudgetExhausted as over:
        pytest.skip(str(over))


@check("a stream is whole, in order and ended once", needs=("streaming",), tokens=16)
def test_complete(ai: Session, streamed: Exchange) -> Verdict:
    return stream.complete(streamed, ai.show)


@check("a stream ends with its terminator", level="warn", needs=("streaming",), requests=0)
def test_terminator(ai: Session, streamed: Exchange) -> Verdict:
    return stream.terminated(streamed, ai.show)


@check("a stream names the role first", level="warn", needs=("streaming",), requests=0)
def test_role(ai: Session, streamed: Exchange) -> Verdict:
    return stream.role_first(streamed, ai.show)


@check("streamed and whole text are the same", needs=("streaming",), grounds=("deterministic",), tokens=16)
def test_same_text(ai: Session, streamed: Exchange) -> Verdict:
    return stream.same_text(streamed, ai.ask(), ai.show)

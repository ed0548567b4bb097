"""What a test of the user's own asks with: one call an inference, a reply to look at, a failure that is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.common import TOO_MANY_REQUESTS, find_harness_error
from harness.core.errors import HarnessError, UsageError
from harness.core.exchange import Answer, EventKind, Exchange, Query, ToolCall, Usage
from harness.core.objective import Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status, Verdict, make_inconclusive
from harness.run.objective import get_bounded_value, judge_sampled
from harness.run.planning import make_rate_test
from harness.run.rate_judging import describe_miss, judge_independent_samples
from harness.run.session import Session
from harness.stats.planning import can_pass


class AskFailed(AssertionError):
    """An inference in a test of the user's own failed. `verdict` is what the test ends in, with the exchange."""

    def __init__(self, verdict: Verdict) -> None:
        curl = verdict.counterexamples[0].curl if verdict.counterexamples else None
        super().__init__("\n".join(filter(None, (verdict.reason, curl))))
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of streamed text, and when it came: seconds from the send."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A valid, complete answer. `exchange` holds all of it: request, response, times, stream events."""

    exchange: Exchange

    @property
    def answer(self) -> Answer:
        """The decoded answer: choices, log-probabilities, model, version, the whole parsed body."""
        assert self.exchange.answer is not None
        return self.exchange.answer

    @property
    def text(self) -> str:
        """The generated text of the first choice; empty where there is none, as beside tool calls."""
        return self.answer.text or ""

    @property
    def finish_reason(self) -> str | None:
        """Why the generation ended, in the protocol's word."""
        return self.answer.finish_reason

    @property
    def usage(self) -> Usage:
        """Token counts as the service states them."""
        return self.answer.usage or Usage()

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that the model asks for."""
        return self.answer.tool_calls

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Named arrays, as nested lists with one entry for each row that was asked."""
        return dict(self.answer.outputs)

    @property
    def latency(self) -> float:
        """Seconds from the send to the end of the answer."""
        assert self.exchange.timing.latency is not None
        return self.exchange.timing.latency

    @property
    def ttft(self) -> float | None:
        """Time to first token, in seconds; None for an answer that was not streamed, or without text."""
        return self.exchange.timing.ttft

    @property
    def pieces(self) -> tuple[_Piece, ...]:
        """The first choice's pieces of text as they came; none for an answer that was not streamed."""
        events = [event for event in self.exchange.events if event.is_generated]
        timing = self.exchange.timing
        pairs = zip(events, timing.tokens, strict=False)
        texts = [(event, time) for event, time in pairs if event.kind is EventKind.DELTA and event.index == 0]
        return tuple(_Piece(event.text, time - timing.intended) for event, time in texts)

    def __iter__(self) -> Iterator[_Piece]:
        return iter(self.pieces)


class UserClient:
    """Asks in a session; `inferences` are those of the test so far, whoever sent them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.inferences: list[Exchange] = []
        session.watch = self.inferences.append

    def chat(self, prompt: str | Sequence[Mapping[str, Any]], **options: Any) -> Reply:
        """Ask for text. `prompt` is a text or a list of messages; `options` go into the request as they are named.

        Raises `AskFailed` unless a valid and complete answer came, `UsageError` where the protocol generates no text.
        """
        self._require("text", "ai_chat")
        return self._ask(Query(prompt if isinstance(prompt, str) else list(prompt), options=options))

    def stream(self, prompt: str | Sequence[Mapping[str, Any]], **options: Any) -> Reply:
        """Ask for text as `chat` does, streamed: the reply has `pieces` and `ttft`."""
        self._require("streaming", "ai_stream")
        return self._ask(Query(prompt if isinstance(prompt, str) else list(prompt), stream=True, options=options))

    def predict(self, inputs: Any, **options: Any) -> Reply:
        """Ask for predictions of rows (or of texts, where vectors are answered); the reply has `outputs`."""
        return self._ask(Query(inputs, options=options))

    def _require(self, capability: str, fixture: str) -> None:
        session = self.session
        if session.capabilities.find_missing((capability,)):
            raise UsageError(
                f"{fixture} needs {capability}, which {session.adapter.name} at this endpoint does not offer"
            )

    def _ask(self, query: Query) -> Reply:
        exchange = self.session.ask(query)
        if problem := find_harness_error(exchange):
            raise HarnessError(problem.reason)
        if exchange.ok:
            return Reply(exchange)
        reason = f"the service did not answer validly: {exchange.outcome}"
        examples = (self.session.show(reason, exchange),)
        if exchange.status == TOO_MANY_REQUESTS:
            declined = f"declined with {exchange.status}, which says nothing about the answer"
            raise AskFailed(make_inconclusive(declined, counterexamples=examples))
        raise AskFailed(Verdict(Status.FAIL, reason, n=1, method="contract", counterexamples=examples))


class ObjectiveJudge:
    """Judges one objective in a test of the user's own; `verdict` is the test's, returned by it or not.

    `tests` are the blockers among which the error rate of a FAIL is divided.
    """

    def __init__(self, client: UserClient, check: PlannedCheck, tests: int) -> None:
        self.verdict: Verdict | None = None
        self._client = client
        self._check = check
        self._tests = tests

    def __call__(self, text: str, ask: Callable[[], object] | None = None) -> Verdict:
        """Judge an objective like `latency p95 <= 300ms`, `ttft p99 <= 1s` or `error_rate <= 1%`.

        With `ask`, which sends one inference a call, it is sampled after a warm-up until its sequential test ends;
        without, over the inferences that this test has sent, at their number. Raises `UsageError` for what can never be
        judged, and for a second objective in one test: the worse of two would FAIL more often than was agreed.
        """
        if self.verdict is not None:
            raise UsageError("one objective a test: write another test for the second")
        metric = re.split("[<>]", text, maxsplit=1)[0]
        profile, level = self._client.session.settings.profile, str(self._check.level)
        objective = parse_objective("", metric, text[len(metric) :], profile, level=level)
        check = replace(self._check, alpha_fail=objective.alpha / self._tests)
        if ask is None:
            self.verdict = self._judge_inferences(objective, check)
        else:
            self.verdict = self._judge_by_asking(objective, check, ask)
        return self.verdict

    def _judge_by_asking(self, objective: Objective, check: PlannedCheck, ask: Callable[[], object]) -> Verdict:
        if not can_pass(make_rate_test(objective, objective.alpha / self._tests)):
            raise UsageError(f"objective {objective.text!r} cannot PASS, not even by {objective.cap} flawless requests")
        inferences = self._client.inferences

        def ask_once() -> Exchange:
            inferences.clear()
            with suppress(AskFailed):  # the exchange counts as over
                ask()
            if len(inferences) != 1:
                raise UsageError(f"ask sent {len(inferences)} inferences, and must send one a call")
            _check_streams(objective, inferences)
            return inferences[0]

        session = self._client.session
        return judge_sampled(ask_once, session.client.clock, objective, check, session.show)

    def _judge_inferences(self, objective: Objective, check: PlannedCheck) -> Verdict:
        inferences = self._client.inferences
        if problem := find_harness_error(*inferences):
            return problem
        _check_streams(objective, inferences)
        over = [exchange for exchange in inferences if get_bounded_value(exchange, objective) > objective.limit]
        what = f"requests {describe_miss(objective)}"
        summary = f"one of {len(over)} of {len(inferences)} {what}"
        examples = tuple(self._client.session.show(summary, exchange) for exchange in over[:1])
        declined = sum(exchange.status == TOO_MANY_REQUESTS for exchange in over)
        return judge_independent_samples(
            len(over), len(inferences), objective, check, what=what, declined=declined, examples=examples
        ).with_notes("over the inferences of this test, its first ones too")


def _check_streams(objective: Objective, inferences: Sequence[Exchange]) -> None:
    if objective.streamed and not all(exchange.request.stream for exchange in inferences):
        raise UsageError(f"{objective.metric} is judged over streamed answers: ask with ai_stream")


def count_deciding_tests(checks: Sequence[PlannedCheck]) -> int:
    """Among how many the error rate of a FAIL is divided: the blockers that are estimates or tests of the user's."""
    return max(1, sum(c.kind in ("estimate", "user") and c.level is Level.BLOCKER for c in checks))

"""A bad request does not break the answers that are under way when it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter

from harness.checks.bad_input.bad_beside import CONFIRMING_ROUNDS, DisturbedRound, judge_answers_under_way
from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.bad_input.parameters import BAD_PARAMETERS
from harness.checks.bad_input.requests import BadRequest
from harness.checks.common import find_failed
from harness.core.exchange import Exchange, Query, Request
from harness.run.begun_stream import begin_streams
from harness.suite import Session, Verdict, check, mutate

from .bad_input_trials import make_bad_parameter
from .long_answers import LONG_EVENTS, LONG_PROBES, LONG_TOKENS, find_long_answer

_NEIGHBOURS = 3
"""Long answers under way at once."""
_TOGETHER = 6
"""Bad requests sent one after another beside the same answers."""
_MOST_ROUNDS = 16
_MOST_SEARCHING = _MOST_ROUNDS - _TOGETHER - CONFIRMING_ROUNDS + 1
"""Rounds after which nothing more is tried; the others are for each bad request alone, and to confirm the one."""
_REQUESTS = 2 + LONG_PROBES + _NEIGHBOURS * (1 + 2 * _MOST_ROUNDS) + 2 * len(BAD_PARAMETERS)


@check(
    "bad requests break no answer that is under way",
    needs=("generates", "streaming"),
    grounds=("direct",),
    requests=_REQUESTS,
    tokens=LONG_TOKENS * _NEIGHBOURS * (1 + 2 * _MOST_ROUNDS) + LONG_EVENTS * LONG_PROBES,
    broken_by=(mutate("truncate_stream", events=200, skip=2 + _NEIGHBOURS),),
)
def test_bad_requests_break_no_answer(ai_client: Session) -> Verdict:
    seconds = ai_client.ask().timing.service_time or 0.0
    query = find_long_answer(ai_client, seconds).query
    assert query is not None
    undisturbed = _Trial(ai_client, query).run_round([]).answers
    texts = set(map(attrgetter("text"), undisturbed))
    expected = min(texts) if ai_client.promises.deterministic and len(texts) == 1 else None
    trial = _Trial(ai_client, query, expected)
    if not find_failed(undisturbed):
        trial.try_all(list(map(partial(make_bad_parameter, ai_client), BAD_PARAMETERS)))
    return judge_answers_under_way(undisturbed, trial.rounds, ai_client.ask(), ai_client.show)


@dataclass
class _Trial:
    """Rounds of long answers with bad requests beside them; `expected` is the text of these answers, if it is known."""

    ai_client: Session
    query: Query
    expected: str | None = None
    rounds: list[DisturbedRound] = field(default_factory=list)

    def try_all(self, bad: Sequence[BadRequest]) -> None:
        """Rounds with several bad requests, then, where an answer breaks, with each of these alone."""
        while bad and len(self.rounds) < _MOST_SEARCHING:
            turn = self.run_round(bad[:_TOGETHER])
            if not turn.bad or any(shows_hang(exchange) for _, exchange in turn.bad):
                break
            if turn.list_harmed():
                self._try_alone([wrong for wrong, _ in turn.bad])
                break
            bad = bad[len(turn.bad) :]

    def _try_alone(self, bad: Sequence[BadRequest]) -> None:
        """A round for each of them, the last first, until one breaks an answer, and does so again.

        The last one sent is the likeliest.
        """
        for wrong in reversed(bad):
            if self.run_round([wrong]).list_harmed():
                for _ in range(CONFIRMING_ROUNDS - 1):
                    self.run_round([wrong])
                break

    def run_round(self, bad: Sequence[BadRequest]) -> DisturbedRound:
        """Long answers side by side, and the bad requests that were sent while one of them was under way."""
        tried: list[tuple[BadRequest, Exchange]] = []
        with begin_streams(self.ai_client, [self.query] * _NEIGHBOURS) as streams:
            for wrong in bad:
                if not any(stream.is_under_way() for stream in streams):
                    break
                tried.append((wrong, self.ai_client.send(wrong.request)))
                if shows_hang(tried[-1][1]):
                    break
            answers = [self.ai_client.finish_exchange(stream.read_on()) for stream in streams]
        if bad and not tried:
            tried, answers = self._ask_side_by_side(bad)
        turn = DisturbedRound(tried, answers, self.expected)
        self.rounds.append(turn)
        return turn

    def _ask_side_by_side(self, bad: Sequence[BadRequest]) -> tuple[list[tuple[BadRequest, Exchange]], list[Exchange]]:
        """The same for answers that come in one piece: nothing is known of them until they are over."""
        together: list[Query | Request] = [replace(self.query, stream=True)] * _NEIGHBOURS
        together += [wrong.request for wrong in bad]
        exchanges = self.ai_client.ask_many(together, concurrency=len(together))
        answers = exchanges[:_NEIGHBOURS]
        last = max(exchange.timing.done or 0.0 for exchange in answers)
        tried = []
        for wrong, exchange in zip(bad, exchanges[_NEIGHBOURS:], strict=True):
            if exchange.timing.sent is not None and exchange.timing.sent < last:
                tried.append((wrong, exchange))
        return tried, answers

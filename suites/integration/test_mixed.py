"""Long and short, streamed, structured and abandoned requests side by side, few and many at once."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, chain
from operator import attrgetter
from threading import Timer

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.control import Control
from harness.checks.isolation import busy_guests, crosstalk, own_parts
from harness.checks.isolation.busy_guests import LIVENESS, STRUCTURED
from harness.core.exchange import Exchange, Query, Request
from harness.core.verdict import Status, choose_worst
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

from .control_inputs import MOST_ASKED_LATER, ask_later
from .generated_text import make_query
from .test_structured import ANSWER_SCHEMAS, STRUCTURED_PROMPT, make_schema_format

_LENGTHS = (220, 500)
"""Words of long prompts: engines take other paths for them (chunks, other kernels, cached blocks)."""
_SHORT, _EACH, _CODES = 4, 2, 40
_IN_FLIGHT, _MOST = (2, 4), 16
_LEAVING, _GUESTS, _FIRST_GUEST = 4, 4, 8
_TOKENS, _LONG_TOKENS, _SCHEMA_TOKENS, _SCHEMA = 32, 48, 96, "flat"
_CODE_TOKENS = 4 * _CODES
"""A code of four digits and its blank are at most so many tokens in most vocabularies."""
_ONE_ROW, _LONG_ANSWER = "one row", "a long answer"
_CUTTING = "requests with stop sequences and limits of their own"
_INPUTS = _SHORT + _EACH * (len(_LENGTHS) + 1)
_REQUESTS = _INPUTS * (3 + len(_IN_FLIGHT) + 2 * 2) + 1 + 2 * _GUESTS + _LEAVING + MOST_ASKED_LATER


@dataclass(frozen=True, slots=True)
class _MixedInput:
    """One input: what it is, how it is asked, what its answer alone was, twice."""

    kind: str
    query: Query
    first: Exchange
    again: Exchange

    @property
    def seconds(self) -> float:
        """How long it took alone, at most: a cached beginning shortens the second time."""
        return max(self.first.timing.service_time or 0.0, self.again.timing.service_time or 0.0)

    @property
    def mark(self) -> str:
        """The code that a prompt asks for, at its end, or its codes in their order."""
        last = _CODES if self.kind.startswith(_LONG_ANSWER) else 1
        return " ".join(str(self.query.inputs).split()[-last:])


def _write_long_answers(ai_client: Session) -> list[str]:
    """Prompts whose answers have many pieces, each of which is known."""
    generator = random.Random(f"{ai_client.settings.seed} long answers")
    drawn = [generator.sample(range(10**3, 10**4), _CODES) for _ in range(_EACH)]
    return [f"Repeat after me: {' '.join(map(str, codes))}" for codes in drawn]


def _draw_queries(ai_client: Session, rows: Rows) -> list[tuple[str, Query]]:
    """Short and long inputs with their kinds, every other prompt streamed."""
    drawn = [("short" if rows.text else _ONE_ROW, rows.query([row])) for row in rows.draw_distinct(_SHORT)]
    if rows.text:
        for words in _LENGTHS:
            drawn += [(f"{words} words", rows.query([text])) for text in rows.draw_long_texts(_EACH, words)]
        if rows.has_codes:
            drawn += [(_LONG_ANSWER, rows.query([text])) for text in _write_long_answers(ai_client)]
    elif rows.batches:
        inputs = rows.draw_distinct(_SHORT + _EACH)
        drawn += [(f"{count} rows", rows.query(inputs[-count:])) for count in (2, 3, 4, 5)]
    if not ai_client.capabilities.generates:
        return drawn
    mixed = []
    for number, (kind, query) in enumerate(drawn):
        is_streamed = ai_client.capabilities.streaming and (number % 2 == 1 or kind == _LONG_ANSWER)
        tokens = _CODE_TOKENS if kind == _LONG_ANSWER else _TOKENS
        query = replace(ai_client.limit_answer(query, tokens), stream=is_streamed)
        mixed.append((f"{kind}, streamed" if is_streamed else kind, query))
    return mixed


def _make_control(ai_client: Session, inputs: Sequence[_MixedInput]) -> Control:
    marks: list[str] = []
    if ai_client.capabilities.generates and not ai_client.promises.deterministic:
        marks = list(map(attrgetter("mark"), inputs))
    return Control([asked.first for asked in inputs], [asked.again for asked in inputs], marks)


class TooSlowAlone(Exception):
    """Every request takes so long alone that two of them beside each other may pass the deadline."""


def _leaves_time(ai_client: Session, asked: _MixedInput) -> bool:
    return 2 * asked.seconds <= ai_client.endpoint.deadlines.first_byte / 2


def _ask_alone(ai_client: Session) -> tuple[list[_MixedInput], Control]:
    """The inputs whose answers alone show to whom they belong; all of them where none does."""
    drawn = _draw_queries(ai_client, Rows(ai_client))
    asked = ask_in_turn(ai_client.ask, [query for _, query in drawn] * 2)
    pairs = zip(drawn, asked[: len(drawn)], asked[len(drawn) :], strict=True)
    answered = [_MixedInput(*named, first, again) for named, first, again in pairs if first.ok and again.ok]
    inputs = list(filter(partial(_leaves_time, ai_client), answered))
    if answered and not inputs:
        raise TooSlowAlone
    control = _make_control(ai_client, inputs)
    shown, _ = crosstalk.select_shown_inputs(control) if inputs else ([], "")
    if not shown:
        return [], control if inputs else Control(asked[: len(drawn)], asked[len(drawn) :])
    inputs = [inputs[number] for number in shown]
    short = [asked for asked in inputs if asked.kind == _ONE_ROW]
    if short and not crosstalk.select_shown_inputs(_make_control(ai_client, short))[0]:
        return [], _make_control(ai_client, short)  # batches differ by their sizes alone
    return inputs, _make_control(ai_client, inputs)


def _make_guests(ai_client: Session) -> list[tuple[str, Query | Request]]:
    """Other requests beside the most: health, and output by a schema where it is promised."""
    guests: list[tuple[str, Query | Request]] = []
    live = ai_client.adapter.probes(ai_client.endpoint).get("live")
    if ai_client.capabilities.liveness and live is not None and ai_client.send(live).ok:
        guests += [(LIVENESS, live)] * 2
    if ai_client.capabilities.chat_options and ai_client.promises.structured_output:
        form = make_schema_format(_SCHEMA)
        guests += [(STRUCTURED, make_query(ai_client, _SCHEMA_TOKENS, STRUCTURED_PROMPT, response_format=form))] * 2
    return guests


def _make_cutting_guests(ai_client: Session, inputs: Sequence[_MixedInput]) -> list[tuple[str, Query | Request]]:
    """Requests with options that would cut the answers of the others: stop sequences in them, and a limit of one."""
    pieces = [asked.mark[2:6] for asked in inputs]
    guests: list[tuple[str, Query | Request]] = []
    for stops in (pieces[:4], pieces[4:8] or pieces[:1]):
        guests.append((_CUTTING, make_query(ai_client, _TOKENS, stop=stops)))
        guests.append((_CUTTING, make_query(ai_client, 1, exact=True)))
    return guests


class _Rounds:
    """The inputs asked side by side in rounds, and what was sent beside them."""

    def __init__(self, ai_client: Session, inputs: Sequence[_MixedInput]) -> None:
        self._client, self._inputs = ai_client, inputs
        self._random = random.Random(f"{ai_client.settings.seed} mixed")
        self.answers: list[list[tuple[int, Exchange]]] = []
        self.company: list[str] = []
        self.guests: list[tuple[str, Exchange]] = []
        self.has_hung = False
        self._fitting = self._count_fitting()

    def _count_fitting(self) -> int:
        """How many may be in flight, so that one at a time they are answered in half a deadline; two at least."""
        longest = sorted(map(attrgetter("seconds"), self._inputs), reverse=True)
        waits = accumulate(chain.from_iterable(zip(longest, longest, strict=True)))
        return max(2, bisect_right(list(waits), self._client.endpoint.deadlines.first_byte / 2))

    def ask(
        self, most: int, *, times: int = 1, guests: Sequence[tuple[str, Query | Request]] = (), company: str = ""
    ) -> None:
        """One round with at most so many in flight, unless one has hung; guests are sent among the first."""
        if self.has_hung:
            return
        most = min(most, self._fitting)
        order = list(range(len(self._inputs))) * times
        self._random.shuffle(order)
        sent: list[tuple[int, Query | Request]] = [(number, self._inputs[number].query) for number in order]
        first = min(_FIRST_GUEST, len(sent) // 2)
        for place, (_, guest) in enumerate(guests):
            sent.insert(first + 2 * place, (-1 - place, guest))
        exchanges = self._client.ask_many([query for _, query in sent], concurrency=most)
        answers: list[tuple[int, Exchange]] = []
        for (number, _), exchange in zip(sent, exchanges, strict=True):
            if number >= 0:
                answers.append((number, exchange))
            elif company != _CUTTING:
                self.guests.append((guests[-1 - number][0], exchange))
        self.answers.append(answers)
        self.company.append(company)
        self.has_hung = any(map(shows_hang, exchanges))

    def _make_left(self, number: int) -> Query:
        """A request whose client will leave: for a long text, streamed or not in turn, or for one of the inputs."""
        able = self._client.capabilities
        if able.generates:
            return make_query(self._client, _LONG_TOKENS, stream=able.streaming and number % 2 == 0)
        return self._inputs[-1 - number % len(self._inputs)].query

    def ask_beside_leavers(self) -> None:
        """One round while clients leave in mid-answer."""
        seconds = min(asked.again.timing.service_time or 0.0 for asked in self._inputs)
        timers = []
        for number in range(0 if self.has_hung else _LEAVING):
            future = self._client.begin(self._make_left(number)).future
            timers.append(Timer(seconds * (number + 1) / 2, future.cancel))
            timers[-1].start()
        self.ask(_IN_FLIGHT[-1], times=2, company="clients that leave in mid-answer")
        for timer in timers:
            timer.join()


@check(
    "long, short, streamed, structured and abandoned requests side by side get their own answers",
    requests=_REQUESTS,
    tokens=_TOKENS * _REQUESTS + (_CODE_TOKENS - _TOKENS) * (_GUESTS + _LEAVING + _REQUESTS * _EACH // _INPUTS),
    broken_by=(mutate("swap_answers", wait=50), mutate("other_answer", skip=2 * _INPUTS)),
)
def test_own_answers(ai_client: Session) -> Verdict:
    try:
        inputs, control = _ask_alone(ai_client)
    except TooSlowAlone:
        return make_inconclusive("no request is answered soon enough to be asked beside others", n=0)
    rounds = _Rounds(ai_client, inputs)
    if inputs:
        for most in _IN_FLIGHT:
            rounds.ask(most)
        if ai_client.capabilities.generates:
            rounds.ask(_MOST, guests=_make_cutting_guests(ai_client, inputs), company=_CUTTING)
        rounds.ask(_MOST, times=2, guests=_make_guests(ai_client))
        rounds.ask_beside_leavers()
    kinds = list(map(attrgetter("kind"), inputs))
    later = ask_later(ai_client, list(map(attrgetter("query"), inputs)), control, rounds.answers)
    verdict = crosstalk.judge_own_answers(control, rounds.answers, ai_client.show, rounds.company, kinds, later)
    carriers = [own_parts.Carrier(asked.kind, asked.first, asked.again) for asked in inputs]
    promised = ai_client.promises.deterministic
    others = [
        own_parts.judge_own_parts(carriers, rounds.answers, ai_client.show, deterministic=promised),
        busy_guests.judge_guests(rounds.guests, ANSWER_SCHEMAS[_SCHEMA], ai_client.show),
    ]
    if any(kind == STRUCTURED for kind, _ in rounds.guests):
        plain = [exchange for round_ in rounds.answers for _, exchange in round_ if exchange.ok]
        others.append(busy_guests.judge_plain_answers(plain, ANSWER_SCHEMAS[_SCHEMA], ai_client.show))
    broken = [other for other in (verdict, *others) if other.status in (Status.FAIL, Status.ERROR)]
    return choose_worst(broken) if broken else verdict.with_notes(*(other.reason for other in others))

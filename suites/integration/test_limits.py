"""The largest batch, prompt and body: found by bisection, and what happens beyond them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from harness.checks.bad_input import limits
from harness.checks.bad_input.limits import SizeOutcome, SizeSearch, SizeTrial
from harness.checks.bad_input.ordinary_inputs import judge_ordinary_inputs, shows_hang
from harness.checks.control import Control
from harness.checks.generation.thinking import EMPTY_TRIES
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.json_path import JSONPath, find_paths, read_at, replace_at
from harness.core.mutation import crash_after
from harness.protocols.shared.opaque_text import find_sentence
from harness.run.asking_in_turn import ask_in_turn
from harness.run.empty_answers import ask_again_if_empty
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, once

from .bad_input_trials import CONTROL_COST, ask_control
from .test_batch import explain_no_batch

_ROWS, CHARACTERS, BYTES = 4096, 200_000, 8 * 2**20
"""The largest sizes that are tried: rows of a batch, characters of a prompt, bytes of a body."""
_MAX_TRIALS = 14
"""The most sizes that one search tries."""
SINGLES = 4
_EXACT = 0.02
"""How exactly a limit of characters or bytes is determined, as a share of the limit."""
SIZE_COST = CONTROL_COST + 2 * _MAX_TRIALS + 2
TEXT_LENGTHS = (300, 1000, 2000)
"""Characters of texts that users send every day: a paragraph, an abstract, a page."""
_SHORTEST_PROMPT = 800
"""Characters of the first prompt; a long sample has as many more."""
FILLER = "The river runs past the mill, and nobody has ever counted the stones in it. "
"""76 characters."""


@dataclass
class _Search:
    """Sizes from `first` to `cap`, each `factor` times the last, then sizes between the last answered and the next.

    A small request takes `base` seconds; the time beyond that grows with the power `order` of the size.
    """

    ai_client: Session
    ask: Callable[[int], Exchange]
    find_problem: Callable[[int, Exchange], str | None]
    first: int
    factor: int
    cap: int
    order: int = 1
    base: float = 0.0
    trials: list[SizeTrial] = field(default_factory=list)
    stop_reason: str = ""

    def run(self, what: str, unit: str) -> SizeSearch:
        """Search, and send a valid request after it."""
        control = ask_control(self.ai_client)
        if not control.problem:
            self._try_sizes()
        return SizeSearch(what, unit, self.cap, self.trials, control, self.ai_client.ask(), self.stop_reason)

    def _try_sizes(self) -> None:
        """Try sizes until the limit is known, one does harm, the cap is reached, or larger ones would take too long."""
        answered, size, outcome = 0, min(self.first, self.cap), SizeOutcome.ANSWERED
        while size and (outcome := self._try(size)) is SizeOutcome.ANSWERED:
            answered, size = size, self._choose_next(size)
        over = size
        while answered and outcome is not SizeOutcome.HARMED and over - answered > max(1, _EXACT * answered):
            if len(self.trials) >= _MAX_TRIALS:
                break
            middle = (answered + over) // 2
            outcome = self._try(middle)
            if outcome is SizeOutcome.ANSWERED:
                answered = middle
            else:
                over = middle

    def _try(self, size: int) -> SizeOutcome:
        exchange = _retry_closed(self.ai_client, self.ask(size))
        problem = self.find_problem(size, exchange) if exchange.ok else None
        self.trials.append(SizeTrial(size, exchange, problem))
        return self.trials[-1].outcome

    def _choose_next(self, size: int) -> int:
        """The next larger size; 0 if no larger one can be tried."""
        seconds = self.trials[-1].exchange.timing.service_time or 0.0
        larger = self._choose_in_time(size, seconds)
        if not larger and size < self.cap and len(self.trials) < _MAX_TRIALS:
            # One slow answer may be chance: the quicker of two says what the size costs.
            if self._try(size) is not SizeOutcome.ANSWERED:
                self._forgive_delay(seconds)
                return 0
            seconds = min(seconds, self.trials[-1].exchange.timing.service_time or seconds)
            larger = self._choose_in_time(size, seconds)
        if not larger and size < self.cap:
            self.stop_reason = f"larger ones were not tried: this one took {seconds:.1f} s, and the deadline is near"
        return larger

    def _forgive_delay(self, seconds: float) -> None:
        """Leave out a repeat that only passed the deadline, where the size was answered after a good part of it."""
        deadline = self.ai_client.endpoint.deadlines.first_byte
        if seconds > deadline / 4 and shows_hang(self.trials[-1].exchange):
            self.trials.pop()
            self.stop_reason = (
                f"larger ones were not tried: this one took {seconds:.1f} s, and then passed the deadline"
            )

    def _choose_in_time(self, size: int, seconds: float) -> int:
        """The next larger size that will be answered in time, if this one takes so long; 0 if there is none."""
        longest = self.ai_client.endpoint.deadlines.first_byte / 2
        for factor in (self.factor, 2):
            larger = min(size * factor, self.cap)
            # A request that is slow only because of its size would in the end look as if it had hung.
            expected = self.base + max(0.0, seconds - self.base) * (larger / size) ** self.order
            if larger > size and expected < longest and len(self.trials) < _MAX_TRIALS:
                return larger
        return 0


def _retry_closed(ai_client: Session, exchange: Exchange) -> Exchange:
    """The exchange, or another try if the connection was closed without an answer.

    A service that refuses a body before it has all of it may close the connection while we still send, and then the
    refusal is lost. The raw client reads what was sent before.
    """
    if exchange.error is not ErrorClass.CLOSED or exchange.response is not None:
        return exchange
    if ai_client.endpoint.proxy is not None or ai_client.endpoint.signer is not None:
        return ai_client.read(ai_client.send(exchange.request))
    return ai_client.raw([exchange.request])[0]


@once
def _search_rows(ai_client: Session) -> SizeSearch | None:
    rows = Rows(ai_client)
    if not rows.batches:
        return None
    inputs = rows.draw_distinct(SINGLES)
    queries = [rows.query([row]) for row in inputs]
    asked = ask_in_turn(ai_client.ask, queries * 2)
    control = Control(asked[: len(queries)], asked[len(queries) :])
    smallest = len(ai_client.request(rows.query(inputs[:1])).body)
    cap = max(1, min(_ROWS, BYTES // smallest))

    def order(size: int) -> list[int]:
        """The rows of a batch of this size: in no order that repeats, so that no two parts of it are alike."""
        return random.Random(f"{ai_client.settings.seed} {size} rows").choices(range(len(inputs)), k=size)

    def ask(size: int) -> Exchange:
        return ai_client.ask(rows.query(list(map(inputs.__getitem__, order(size)))))

    def find_problem(size: int, exchange: Exchange) -> str | None:
        return limits.find_batch_problem(control, order(size), exchange)

    search = _Search(ai_client, ask, find_problem, 1, 4, cap).run("batch", "rows")
    reasons = [limits.explain_no_rows(control, trial.size, trial.exchange) for trial in search.trials]
    return replace(search, unshown=next(filter(None, reasons), ""))


@check(
    "every batch up to the limit is answered whole",
    needs=("batches",),
    requests=SIZE_COST + 2 * SINGLES,
    broken_by=(crash_after(CONTROL_COST + 2 * SINGLES + 1),),
)
def test_rows(ai_client: Session) -> Verdict:
    search = _search_rows(ai_client)
    return limits.judge_sizes(search, ai_client.show) if search else explain_no_batch()


@check(
    "a batch over the limit is refused with a clear 4xx",
    level="warn",
    needs=("batches",),
    requests=0,
    broken_by=(crash_after(CONTROL_COST + 2 * SINGLES + 1),),
)
def test_rows_refused(ai_client: Session) -> Verdict:
    search = _search_rows(ai_client)
    return limits.judge_sizes_over_limit(search, ai_client.show) if search else explain_no_batch()


def _count_own_characters(inputs: Any) -> int:
    """The characters of the sample's last text, if it is long: a filler can only make it longer."""
    own = len(read_at(inputs, find_paths(inputs, str)[-1]))
    return own if own > _SHORTEST_PROMPT / 2 else 0


def lengthen_text(inputs: Any, size: int, beginning: str = "") -> Any:
    """The sample's input, made this many characters long by filler before its last text, which is the question.

    `beginning` stands before the filler.
    """
    last = find_paths(inputs, str)[-1]
    own = read_at(inputs, last)
    filler = beginning + FILLER * (size // len(FILLER) + 1)
    return replace_at(inputs, last, filler[: max(0, size - len(own))] + own)


@once
def search_prompt(ai_client: Session) -> SizeSearch:
    """The search for the largest prompt."""
    control, sample = ask_control(ai_client), ai_client.sample()
    sizes: set[int] = set()

    def ask(size: int) -> Exchange:
        beginning = "Again. " if size in sizes else ""  # a cached prefix would hide what the size costs
        sizes.add(size)
        query = replace(sample, inputs=lengthen_text(sample.inputs, size, beginning))
        exchange = ai_client.ask(query)
        return [exchange, *ask_again_if_empty(ai_client, exchange, query)][-1]

    def find_problem(size: int, exchange: Exchange) -> str | None:
        return limits.find_empty_answer(control, exchange)

    # The time of attention grows with the square of its input.
    base = control.again[0].timing.service_time or 0.0
    first = _SHORTEST_PROMPT + _count_own_characters(sample.inputs)
    search = _Search(ai_client, ask, find_problem, first, 4, max(CHARACTERS, first), order=2, base=base)
    return search.run(limits.PROMPT_KIND, "characters")


PROMPT_COST = CONTROL_COST + (1 + EMPTY_TRIES) * _MAX_TRIALS + 2
"""An empty answer is asked for again, and each trial may be repeated over a raw connection."""


@check(
    "every prompt up to the limit is answered",
    needs=("text",),
    requests=PROMPT_COST,
    tokens=16 * PROMPT_COST,
    broken_by=(crash_after(CONTROL_COST + 1),),
)
def test_prompt(ai_client: Session) -> Verdict:
    return limits.judge_sizes(search_prompt(ai_client), ai_client.show)


@check(
    "a prompt over the limit is refused with a clear 4xx, not cut",
    level="warn",
    needs=("text",),
    requests=0,
    broken_by=(crash_after(CONTROL_COST + 1),),
)
def test_prompt_refused(ai_client: Session) -> Verdict:
    return limits.judge_sizes_over_limit(search_prompt(ai_client), ai_client.show)


def _lengthen_sentence(inputs: Any, place: JSONPath, size: int) -> Any:
    """The sample's input with its longest text repeated up to this many characters."""
    own = read_at(inputs, place)
    repeated = " ".join([own] * (size // len(own) + 1))
    return replace_at(inputs, place, repeated[:size].rstrip())


@check(
    "texts of ordinary length are answered, or refused with a clear 4xx",
    needs=("sentences",),
    requests=CONTROL_COST + len(TEXT_LENGTHS) + 1,
    broken_by=(crash_after(CONTROL_COST),),
)
def test_text_lengths(ai_client: Session) -> Verdict:
    control, sample = ask_control(ai_client), ai_client.sample()
    place = find_sentence(sample.inputs)
    if place is None:
        return make_inconclusive("no text of several words is in the sample", n=0)
    asked: list[tuple[str, Exchange]] = []
    for size in TEXT_LENGTHS if not control.problem else ():
        exchange = ai_client.ask(replace(sample, inputs=_lengthen_sentence(sample.inputs, place, size)))
        asked.append((f"a text of {size:,} characters", exchange))
        if shows_hang(exchange):
            break
    return judge_ordinary_inputs(control, asked, ai_client.ask(), ai_client.show)


@once
def _search_body(ai_client: Session) -> SizeSearch:
    """The valid request with blanks in its JSON, which do not change its meaning."""
    control, request = ask_control(ai_client), ai_client.request()

    def ask(size: int) -> Exchange:
        body, blanks = request.body, b" " * max(0, size - len(request.body))
        start = 1 if body[:1] in (b"{", b"[") else 0
        return ai_client.read(ai_client.send(replace(request, body=body[:start] + blanks + body[start:])))

    def find_problem(size: int, exchange: Exchange) -> str | None:
        return limits.find_answer_problem(control, exchange)

    return _Search(ai_client, ask, find_problem, max(2**12, 2 * len(request.body)), 16, BYTES).run("body", "bytes")


@check(
    "every body up to the limit is answered",
    grounds=("http",),
    requests=SIZE_COST,
    tokens=16 * SIZE_COST,
    broken_by=(crash_after(CONTROL_COST + 1),),
)
def test_body(ai_client: Session) -> Verdict:
    return limits.judge_sizes(_search_body(ai_client), ai_client.show)


@check(
    "a body over the limit is refused with a clear 4xx",
    level="warn",
    grounds=("http",),
    requests=0,
    broken_by=(crash_after(CONTROL_COST + 1),),
)
def test_body_refused(ai_client: Session) -> Verdict:
    return limits.judge_sizes_over_limit(_search_body(ai_client), ai_client.show)

"""The largest batch, prompt and body: found by bisection, and what lies beyond them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

from harness.checks.bad_input import limits
from harness.checks.bad_input.limits import Found, Size, Tried
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.json_path import find_paths, read_at, replace_at
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, once

from .spoiling import PLAIN, known
from .test_batch import no_batch

_ROWS, CHARACTERS, BYTES = 4096, 200_000, 8 * 2**20
"""The most that is asked: rows of a batch, characters of a prompt, bytes of a body."""
_MOST = 14
"""Sizes that one search tries at most."""
SINGLES = 4
_EXACT = 0.02
"""Share of itself to which a limit of characters or bytes is found out."""
SEARCH = PLAIN + 2 * _MOST + 2
FILLER = "The river runs past the mill, and nobody has ever counted the stones in it. "
"""76 characters."""


@dataclass
class _Search:
    """Sizes from `first` to `cap`, each `factor` times the last, then those between the last answered and the next.

    `order` is the power of its size with which a request may take longer than the `base` seconds of a small one.
    """

    ai_client: Session
    ask: Callable[[int], Exchange]
    wrong: Callable[[int, Exchange], str | None]
    first: int
    factor: int
    cap: int
    order: int = 1
    base: float = 0.0
    tried: list[Tried] = field(default_factory=list)
    stopped: str = ""

    def found(self, what: str, unit: str) -> Found:
        """What the search finds, and a valid request after it."""
        plain = known(self.ai_client)
        if not plain.problem:
            self._run()
        return Found(what, unit, self.cap, self.tried, plain, self.ai_client.ask(), self.stopped)

    def _run(self) -> None:
        """Try sizes until a limit is known, one is harmed, the cap is reached, or larger ones would take too long."""
        held, size, became = 0, min(self.first, self.cap), Size.HELD
        while size and (became := self._step(size)) is Size.HELD:
            held, size = size, self._next(size)
        over = size
        while held and became is not Size.HARMED and over - held > max(1, _EXACT * held) and len(self.tried) < _MOST:
            middle = (held + over) // 2
            became = self._step(middle)
            held, over = (middle, over) if became is Size.HELD else (held, middle)

    def _step(self, size: int) -> Size:
        exchange = _asked_twice(self.ai_client, self.ask(size))
        self.tried.append(Tried(size, exchange, self.wrong(size, exchange) if exchange.ok else None))
        return self.tried[-1].outcome

    def _next(self, size: int) -> int:
        """The next larger size; 0 where there is none that can be asked."""
        seconds = self.tried[-1].exchange.timing.service_time or 0.0
        for following in (min(size * factor, self.cap) for factor in (self.factor, 2)):
            # What is slow by its size alone would look in the end as if it hung.
            grown = self.base + max(0.0, seconds - self.base) * (following / size) ** self.order
            longest = self.ai_client.endpoint.deadlines.first_byte / 2
            if following > size and grown < longest and len(self.tried) < _MOST:
                return following
        if size < self.cap:
            self.stopped = f"larger ones were not asked: this one took {seconds:.1f} s, and the deadline is near"
        return 0


def _asked_twice(ai_client: Session, exchange: Exchange) -> Exchange:
    """The exchange, or another try where the connection ended first.

    A service that refuses a body before it has it all may end the connection while we still send, and the refusal is
    lost on the way: the raw client reads what is left.
    """
    if exchange.error is not ErrorClass.CLOSED or exchange.response is not None:
        return exchange
    if ai_client.endpoint.proxy is not None or ai_client.endpoint.signer is not None:
        return ai_client.read(ai_client.send(exchange.request))
    return ai_client.raw([exchange.request])[0]


@once
def _rows(ai_client: Session) -> Found | None:
    rows = Rows(ai_client)
    if not rows.batches:
        return None
    given = rows.distinct(SINGLES)
    first, again = ([ai_client.ask(rows.query([row])) for row in given] for _ in range(2))
    smallest = len(ai_client.request(rows.query(given[:1])).body)
    cap = max(1, min(_ROWS, BYTES // smallest))

    def ask(size: int) -> Exchange:
        return ai_client.ask(rows.query(list(islice(cycle(given), size))))

    def wrong(size: int, got: Exchange) -> str | None:
        return limits.batch_problem(first, again, list(islice(cycle(range(len(given))), size)), got)

    return _Search(ai_client, ask, wrong, 1, 4, cap).found("batch", "rows")


@check("every batch up to the limit is answered whole", needs=("batches",), requests=SEARCH + 2 * SINGLES)
def test_rows(ai_client: Session) -> Verdict:
    found = _rows(ai_client)
    return limits.survived(found, ai_client.show) if found else no_batch()


@check("a batch over the limit is refused with a clear 4xx", level="warn", needs=("batches",), requests=0)
def test_rows_refused(ai_client: Session) -> Verdict:
    found = _rows(ai_client)
    return limits.refused(found, ai_client.show) if found else no_batch()


def _of_length(inputs: Any, size: int) -> Any:
    """The sample's input with a text of so many characters: before its last text, which asks for something."""
    last = find_paths(inputs, str)[-1]
    own = read_at(inputs, last)
    return replace_at(inputs, last, (FILLER * (size // len(FILLER) + 1))[: max(0, size - len(own))] + own)


@once
def _prompt(ai_client: Session) -> Found:
    plain, sample = known(ai_client), ai_client.sample()

    def ask(size: int) -> Exchange:
        return ai_client.ask(replace(sample, inputs=_of_length(sample.inputs, size)))

    def wrong(size: int, got: Exchange) -> str | None:
        return limits.empty_problem(plain, got)

    base = plain.again.timing.service_time or 0.0
    search = _Search(ai_client, ask, wrong, 800, 4, CHARACTERS, order=2, base=base)  # attention: its input's square
    return search.found(limits.PROMPT, "characters")


@check("every prompt up to the limit is answered", needs=("text",), requests=SEARCH, tokens=16 * SEARCH)
def test_prompt(ai_client: Session) -> Verdict:
    return limits.survived(_prompt(ai_client), ai_client.show)


@check("a prompt over the limit is refused with a clear 4xx, not cut", level="warn", needs=("text",), requests=0)
def test_prompt_refused(ai_client: Session) -> Verdict:
    return limits.refused(_prompt(ai_client), ai_client.show)


@once
def _body(ai_client: Session) -> Found:
    """The valid request with blanks in its JSON, which change nothing of what it says."""
    plain, request = known(ai_client), ai_client.request()

    def ask(size: int) -> Exchange:
        body, blanks = request.body, b" " * max(0, size - len(request.body))
        at = 1 if body[:1] in (b"{", b"[") else 0
        return ai_client.read(ai_client.send(replace(request, body=body[:at] + blanks + body[at:])))

    def wrong(size: int, got: Exchange) -> str | None:
        return limits.answer_problem(plain, got)

    return _Search(ai_client, ask, wrong, max(2**16, 2 * len(request.body)), 8, BYTES).found("body", "bytes")


@check("every body up to the limit is answered", grounds=("http",), requests=SEARCH, tokens=16 * SEARCH)
def test_body(ai_client: Session) -> Verdict:
    return limits.survived(_body(ai_client), ai_client.show)


@check("a body over the limit is refused with a clear 4xx", level="warn", grounds=("http",), requests=0)
def test_body_refused(ai_client: Session) -> Verdict:
    return limits.refused(_body(ai_client), ai_client.show)

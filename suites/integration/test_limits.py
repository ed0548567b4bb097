"""The largest batch, prompt and body: found by bisection, and what lies beyond them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

from harness.checks import limits
from harness.checks.bad_answers import TIMEOUTS
from harness.checks.limits import Found, Size, Tried
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Query
from harness.core.verdict import Verdict, inconclusive
from harness.run.rows import Rows, leaves, with_leaves
from harness.run.session import Session, decoded
from harness.suite import check

from .spoiling import PLAIN, known

ROWS, CHARACTERS, BYTES = 4096, 200_000, 8 * 2**20
"""The most that is asked: rows of a batch, characters of a prompt, bytes of a body."""
MOST = 14
"""Sizes that one search tries at most."""
SINGLES = 4
EXACT = 0.02
"""Share of itself to which a limit of characters or bytes is found out."""
SEARCH = PLAIN + 2 * MOST + 2
FILLER = "The river runs past the mill, and nobody has ever counted the stones in it. "
"""76 characters."""


def _search(
    ai_client: Session,
    sizes: Sequence[int],
    ask: Callable[[int], Exchange],
    wrong: Callable[[int, Exchange], str | None],
    order: int = 1,
) -> tuple[list[Tried], str]:
    """What became of growing sizes, then of those between the last answered and the first refused.

    `order` is the power of its size with which a request may take longer.
    """
    tried: list[Tried] = []

    def step(size: int) -> Size:
        exchange = ask(size)
        tried.append(Tried(size, exchange, wrong(size, exchange) if exchange.ok else None))
        return tried[-1].outcome

    held, over = 0, 0
    for size, following in zip(sizes, [*sizes[1:], 0], strict=True):
        if (became := step(size)) is not Size.HELD:
            over = size
            break
        held = size
        seconds = tried[-1].exchange.timing.service_time or 0.0
        # What is slow by its size alone would look in the end as if it hung.
        if following and seconds * (following / size) ** order > ai_client.endpoint.deadlines.first_byte / 2:
            return tried, f"larger ones were not asked: this one took {seconds:.1f} s, and the deadline is near"
    while over and held and became is not Size.HARMED and over - held > max(1, int(EXACT * held)) and len(tried) < MOST:
        middle = (held + over) // 2
        became = step(middle)
        held, over = (middle, over) if became is Size.HELD else (held, middle)
    return tried, ""


def _grown(first: int, factor: int, cap: int) -> list[int]:
    found = [min(first, cap)]
    while found[-1] < cap:
        found.append(min(found[-1] * factor, cap))
    return found


def _asked_twice(ai_client: Session, exchange: Exchange) -> Exchange:
    """The exchange, or another try where the connection ended first.

    A service that refuses a body before it has it all may end the connection while we still send, and the refusal is
    lost on the way: the raw client reads what is left.
    """
    if exchange.error is not ErrorClass.CLOSED or exchange.response is not None:
        return exchange
    if ai_client.endpoint.proxy is not None or ai_client.endpoint.signer is not None:
        return decoded(ai_client.adapter, ai_client.endpoint, ai_client.send(exchange.request))
    return ai_client.raw([exchange.request])[0]


def _ask(ai_client: Session, query: Query) -> Exchange:
    return _asked_twice(ai_client, ai_client.ask(query))


def _after(ai_client: Session, tried: Sequence[Tried]) -> Exchange:
    found = ai_client.ask()
    if found.error in TIMEOUTS and any(each.outcome is Size.HARMED for each in tried):
        return found
    return found if found.ok else ai_client.ask()


def _rows(ai_client: Session) -> Found | None:
    def asked() -> Found | None:
        rows = Rows(ai_client)
        if not rows.batches:
            return None
        plain, given = known(ai_client), rows.distinct(SINGLES)
        first, again = ([ai_client.ask(rows.query([row])) for row in given] for _ in range(2))
        smallest = len(ai_client.request(rows.query(given[:1])).body)
        cap = max(1, min(ROWS, BYTES // smallest))

        def wrong(size: int, got: Exchange) -> str | None:
            return limits.batch_problem(first, again, list(islice(cycle(range(len(given))), size)), got)

        def ask(size: int) -> Exchange:
            return _ask(ai_client, rows.query(list(islice(cycle(given), size))))

        tried, stopped = _search(ai_client, _grown(1, 4, cap), ask, wrong) if plain.first.ok else ([], "")
        return Found("batch", "rows", cap, tried, plain, _after(ai_client, tried), stopped)

    return ai_client.once("limits: rows", asked)


def _no_batch() -> Verdict:
    return inconclusive("the sample is one input and not a list of rows: no batch can be made of it", n=0)


@check("every batch up to the limit is answered whole", needs=("batches",), requests=SEARCH + 2 * SINGLES)
def test_rows(ai_client: Session) -> Verdict:
    found = _rows(ai_client)
    return limits.survived(found, ai_client.show) if found else _no_batch()


@check("a batch over the limit is refused with a clear 4xx", level="warn", needs=("batches",), requests=0)
def test_rows_refused(ai_client: Session) -> Verdict:
    found = _rows(ai_client)
    return limits.refused(found, ai_client.show) if found else _no_batch()


def _of_length(inputs: Any, size: int) -> Any:
    """The sample's input with a text of so many characters: before its last text, which asks for something."""
    own = [each for each in leaves([inputs]) if isinstance(each, str)][-1]
    text = (FILLER * (size // len(FILLER) + 1))[: max(0, size - len(own))] + own
    if isinstance(inputs, str):
        return text
    every = leaves(inputs)
    last = max(at for at, each in enumerate(every) if isinstance(each, str))
    return with_leaves(inputs, [text if at == last else each for at, each in enumerate(every)])


def _prompt(ai_client: Session) -> Found:
    def asked() -> Found:
        plain, sample = known(ai_client), ai_client.sample()

        def ask(size: int) -> Exchange:
            return _ask(ai_client, replace(sample, inputs=_of_length(sample.inputs, size)))

        def wrong(size: int, got: Exchange) -> str | None:
            return limits.empty_problem(plain, got)

        tried: list[Tried] = []
        stopped = ""
        if plain.first.ok:  # attention grows with the square of its input
            tried, stopped = _search(ai_client, _grown(800, 4, CHARACTERS), ask, wrong, order=2)
        return Found(limits.PROMPT, "characters", CHARACTERS, tried, plain, _after(ai_client, tried), stopped)

    return ai_client.once("limits: prompt", asked)


@check("every prompt up to the limit is answered", needs=("text",), requests=SEARCH, tokens=16 * SEARCH)
def test_prompt(ai_client: Session) -> Verdict:
    return limits.survived(_prompt(ai_client), ai_client.show)


@check("a prompt over the limit is refused with a clear 4xx, not cut", level="warn", needs=("text",), requests=0)
def test_prompt_refused(ai_client: Session) -> Verdict:
    return limits.refused(_prompt(ai_client), ai_client.show)


def _body(ai_client: Session) -> Found:
    """The valid request with blanks in its JSON, which change nothing of what it says."""

    def asked() -> Found:
        plain, request = known(ai_client), ai_client.request()

        def ask(size: int) -> Exchange:
            body, blanks = request.body, b" " * max(0, size - len(request.body))
            at = 1 if body[:1] in (b"{", b"[") else 0
            exchange = ai_client.send(replace(request, body=body[:at] + blanks + body[at:]))
            return _asked_twice(ai_client, decoded(ai_client.adapter, ai_client.endpoint, exchange))

        def wrong(size: int, got: Exchange) -> str | None:
            return limits.answer_problem(plain, got)

        sizes = _grown(max(2**16, 2 * len(request.body)), 8, BYTES)
        tried, stopped = _search(ai_client, sizes, ask, wrong) if plain.first.ok else ([], "")
        return Found("body", "bytes", BYTES, tried, plain, _after(ai_client, tried), stopped)

    return ai_client.once("limits: body", asked)


@check("every body up to the limit is answered", requests=SEARCH, tokens=16 * SEARCH)
def test_body(ai_client: Session) -> Verdict:
    return limits.survived(_body(ai_client), ai_client.show)


@check("a body over the limit is refused with a clear 4xx", level="warn", requests=0)
def test_body_refused(ai_client: Session) -> Verdict:
    return limits.refused(_body(ai_client), ai_client.show)

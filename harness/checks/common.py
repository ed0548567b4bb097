"""What every contract check over exchanges shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Counterexample, Verdict, contract, error

Show = Callable[[str, Exchange], Counterexample]
"""Makes a counterexample of an exchange: `session.show`."""


def not_judged(*exchanges: Exchange | None) -> Verdict | None:
    """ERROR when one of the exchanges says nothing about the service (harness broke, never reached); else None."""
    for exchange in exchanges:
        if exchange is None or exchange.error is None:
            continue
        if exchange.error is ErrorClass.HARNESS:
            return error(f"the harness broke: {exchange.detail}")
        if exchange.error.never_reached:
            return error(f"the endpoint was not reached: {exchange.detail}")
    return None


def told(exchange: Exchange) -> str:
    """What became of an exchange, in a few words."""
    if exchange.error is None:
        return f"answered {exchange.status}"
    return f"{exchange.error.replace('_', ' ')}: {exchange.detail}"


def judge(
    exchange: Exchange, problems: Sequence[tuple[str, str]], cases: Sequence[str], holds: str, show: Show
) -> Verdict:
    """A contract over the named aspects of one exchange: `problems` are (aspect, what is wrong) for those that fail."""
    wrong = dict(problems)
    found = [Case(name, show(wrong[name], exchange) if name in wrong else None) for name in cases]
    return contract(found, holds, distinct=1)

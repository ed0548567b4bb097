"""Unusual but valid request ids: in Unicode, long, with quotes and line ends.

Tested in tests/suites/integration/test_unicode.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.checks.bad_input.outcomes import Reaction, classify_reaction
from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.comparison import compare_contents
from harness.checks.control import Control
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

PLAIN_ID = "aiharness-1"
"""The id of the control: what becomes of an unusual one is compared with what becomes of it."""
ODD_IDS: Mapping[str, str] = {
    "in Unicode": "aiharness \u00e9e\u0301\u05d0\U0001f600 &amp; %20 \\n",
    "of 200 characters": "aiharness-" + "0123456789" * 19,
    "with quotes and line ends": 'aiharness "one"\r\ntwo: 2',
}
"""Ids by what is unusual about them. Each is a valid text of JSON; a service may refuse it with a 4xx."""
_BREAKS = (Reaction.HUNG, Reaction.CRASHED, Reaction.BROKEN)
_KEPT = 9
"""Characters with which an id begins that a service gives back changed, and does not make up."""


@dataclass(frozen=True, slots=True)
class IdAnswer:
    """The answer to a request that carries an id, or something odd without one (`given` None)."""

    given: str | None
    exchange: Exchange

    @property
    def answer_id(self) -> Any:
        """The id in the answer; None without one."""
        value = self.exchange.answer.value if self.exchange.answer else None
        return value.get("id") if isinstance(value, dict) else None


@judge
def judge_odd_ids(control: Control, plain: IdAnswer | None, odd: Mapping[str, IdAnswer], show: Show) -> Verdict:
    """An unusual id, or query string, changes no answer, and the id is returned unchanged, or refused with a 4xx.

    `plain` has an ordinary id: a service that gives it back gives back all. None: the protocol has no place for ids.
    """
    if why := control.explain_empty():
        return make_inconclusive(why, n=0)
    cases, outcomes = [], []
    gives_back = plain is not None and plain.exchange.ok and plain.answer_id == plain.given
    for name, asked in odd.items():
        exchange, problem = asked.exchange, ""
        reaction = classify_reaction(exchange)
        if reaction in _BREAKS or (reaction is Reaction.ACCEPTED and not exchange.ok):
            problem = f"{name} is neither answered nor refused with a 4xx: {exchange.outcome}"
        elif exchange.ok and (change := control.find_change(exchange)):
            problem = f"with {name} the answer differs: {change}"
        elif exchange.ok and asked.given is not None:
            problem = _find_changed_id(asked, gives_back)
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
        outcomes.append(f"{name} is not answered ({exchange.outcome})")
        if exchange.ok:
            is_same = compare_contents(control.contents[0], exchange.content) is None
            outcomes[-1] = f"{name} changes no answer" if is_same else f"{name} is answered"
    return judge_contract(cases, "; ".join(outcomes))


def _find_changed_id(asked: IdAnswer, gives_back: bool) -> str:
    """How an id comes back changed; an id that the service made up itself is none, unless plain ones come back."""
    given, answer_id = asked.given, asked.answer_id
    if given is None or answer_id == given:
        return ""
    if answer_id is None:
        return f"the id {given!a:.80} does not come back, and a plain one does" if gives_back else ""
    text = str(answer_id)
    if gives_back or text.startswith(given[:_KEPT]) or not text.isascii():
        return f"the id {given!a:.80} comes back as {text!a:.80}"
    return ""

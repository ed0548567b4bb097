"""The served model is the configured one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_DATED = re.compile(r"-\d{4}-?\d{2}-?\d{2}$|-\d{3,4}$|:latest$|@main$")
"""What names a snapshot: a date, a month or day of four digits, a number of three, or a tag."""


def is_same_model(served: str, configured: str) -> bool:
    """Whether two names mean one model: equal but for a tag (`:latest`, `@main`) or the number of a snapshot."""
    return served == configured or _DATED.sub("", served) == configured or served == f"{configured}:latest"


@judge
def judge_identity(
    what: str, configured: str, stated: Mapping[str, str | None], prediction: Exchange, show: Show
) -> Verdict:
    """The model's name or version is the configured one in every place where the service states it.

    `what` is `model` or `version`; `stated` maps each place (the metadata, the answer) to what it states.
    """
    is_same = is_same_model if what == "model" else str.__eq__
    cases, places = [], []
    for place, value in stated.items():
        if value is not None:
            problem = "" if is_same(value, configured) else f"{place} states {what} {value!r}, not {configured!r}"
            cases.append(judge_case(place, prediction, problem, show))
            places.append(place)
    if not places:
        why = f"the service states no {what} anywhere, so {configured!r} cannot be confirmed"
        if not prediction.ok:
            why += f" (a real prediction fails: {prediction.outcome})"
        return make_inconclusive(why, n=0)
    return judge_contract(cases, f"{what} {configured!r} is what {' and '.join(places)} state", distinct=len(places))

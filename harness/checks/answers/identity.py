"""The served model is the configured one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.checks.common import Show, case, judge, told
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_DATED = re.compile(r"-\d{4}-?\d{2}-?\d{2}$|:latest$|@main$")


def same_name(served: str, configured: str) -> bool:
    """Whether two model names mean one model: equal, apart from a tag (`:latest`, `@main`) or a snapshot's date."""
    return served == configured or _DATED.sub("", served) == configured or served == f"{configured}:latest"


@judge
def serves(what: str, configured: str, stated: Mapping[str, str | None], prediction: Exchange, show: Show) -> Verdict:
    """Everywhere that the service states its model's name or version, it is the configured one.

    `what` is `model` or `version`; `stated` maps each place (the metadata, the answer) to what stands there.
    """
    places = {place: value for place, value in stated.items() if value is not None}
    if not places:
        why = "" if prediction.ok else f" (a real prediction fails: {told(prediction)})"
        return make_inconclusive(
            f"the service states no {what} anywhere{why}, so {configured!r} cannot be confirmed", n=0
        )
    same = same_name if what == "model" else str.__eq__
    cases = []
    for place, value in places.items():
        problem = "" if same(value, configured) else f"{place} states {what} {value!r}, not {configured!r}"
        cases.append(case(place, prediction, problem, show))
    return judge_contract(cases, f"{what} {configured!r} is what {' and '.join(places)} state", distinct=len(places))

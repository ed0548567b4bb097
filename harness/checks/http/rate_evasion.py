"""A rate limit that can be evaded: the same caller, over the limit, in the disguise of another.

A limit that lets through what has become free since serves a request now and then. So an evasion counts only where it
is served several times in a row while the plain request, sent in turn with it, is declined each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.checks.common import TOO_MANY_REQUESTS, Show, judge, judge_case
from harness.core.endpoint import Credentials, Secret
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

EVASION_PAIRS = 6
"""Requests in a disguise, and plain ones in turn with them: all are served by chance in 1 of 64 cases at most."""
MOST_EVASIONS = 20
_ADDRESS_LINES = (
    *("x-forwarded-for", "x-real-ip", "x-client-ip", "client-ip", "true-client-ip", "cf-connecting-ip"),
    *("x-originating-ip", "x-cluster-client-ip", "x-user-id", "x-session-id", "x-api-client"),
)


@dataclass(frozen=True, slots=True)
class Evasion:
    """A disguise: `make` gives the request of the turn with this number, and `credentials` its key (None: its own)."""

    name: str
    make: Callable[[int], Request]
    credentials: Credentials | None = None


def list_evasions(valid: Request, right: Credentials | None) -> list[Evasion]:
    """The valid request as if of another client, or to another page."""

    def add_line(name: str) -> Callable[[int], Request]:
        return lambda turn: replace(valid, headers=(*valid.headers, (name, f"198.51.100.{turn + 1}")))

    def change_path(change: Callable[[str, int], str]) -> Callable[[int], Request]:
        return lambda turn: replace(valid, path=change(valid.path, turn))

    evasions = [Evasion(f"another {name}", add_line(name)) for name in _ADDRESS_LINES]
    others = [line for line in valid.headers if line[0].lower() != "user-agent"]
    paths: Mapping[str, Callable[[str, int], str]] = {
        "another query": lambda path, turn: f"{path}?a={turn}",
        "a slash at the end": lambda path, turn: f"{path}/",
        "two slashes": lambda path, turn: f"/{path}",
        "capitals in the path": lambda path, turn: path.upper(),
        "a letter in percent encoding": lambda path, turn: f"/%{ord(path[1]):02x}{path[2:]}",
    }
    evasions.append(
        Evasion("another client", lambda turn: replace(valid, headers=(*others, ("user-agent", f"client-{turn}"))))
    )
    evasions += [Evasion(name, change_path(change)) for name, change in paths.items()]
    if right is not None and right.scheme == "bearer":
        for name, line in (("small letters", "bearer {}"), ("two spaces", "Bearer  {}")):
            key = replace(right, scheme="header", secret=Secret(line.format(right.secret.value)), command=())
            evasions.append(Evasion(f"the key with {name} before it", lambda turn: valid, key))
    return evasions[:MOST_EVASIONS]


@judge
def judge_evasions(
    limit: int, over: Exchange, tried: Mapping[str, Sequence[tuple[Exchange, Exchange]]], show: Show
) -> Verdict:
    """FAIL where an evasion is served in every pair while the plain request is declined. `over` is the last before."""
    if over.status != TOO_MANY_REQUESTS:
        return make_inconclusive(f"no request was declined with 429: {over.outcome}", n=0)
    cases = []
    for name, pairs in tried.items():
        served = sum(evading.ok for evading, _ in pairs)
        declined = sum(plain.status == TOO_MANY_REQUESTS for _, plain in pairs)
        is_evaded = len(pairs) == EVASION_PAIRS and served == declined == EVASION_PAIRS
        problem = (
            f"over the limit of {limit} a minute {name} is served {served} times in a row, while the plain request is "
            "declined each time"
        )
        unjudged = "" if is_evaded or not pairs[-1][0].ok else "the limit was not in force meanwhile"
        cases.append(judge_case(name, pairs[-1][0], problem if is_evaded else None, show, unjudged))
    return judge_contract(cases, f"over the limit every disguise is declined as well: {len(cases)} were tried")

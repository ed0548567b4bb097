"""End what a run has left on at one server: each toxic and each disabled proxy is tried, whatever the others say.

What remains is named with the call that ends it. Tested in tests/chaos/test_lifting.py.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from harness.chaos.guardian import ApiCall
from harness.chaos.toxiproxy_api import ToxiproxyApi, list_removal_calls, quote_name
from harness.core.errors import UsageError

PREFIX, DISABLED_PREFIX = "aiharness-", "aiharness-down-"
"""How names of our toxics begin; the second is that of a harmless toxic, which marks a proxy that we have disabled."""


def lift_ours(api: ToxiproxyApi, proxy_name: str | None) -> tuple[list[str], list[str]]:
    """Remove our toxics from this proxy (None: from every one), and enable it where we have disabled it.

    Returns a line for each thing done, and one for each that is still on. Raises `ProxyGone` when nobody answers, and
    `UsageError` when it is no Toxiproxy.
    """
    rows = api.call("GET", "/proxies").json()
    if not (isinstance(rows, dict) and all(isinstance(row, dict) for row in rows.values())):
        raise UsageError(f"{api.where}: this is not a Toxiproxy API")
    done: list[str] = []
    left: list[str] = []
    for name, row in rows.items():
        if proxy_name in (None, name):
            _lift_proxy(api, name, row, done, left)
    return done, left


def _lift_proxy(api: ToxiproxyApi, name: str, row: dict[str, Any], done: list[str], left: list[str]) -> None:
    path = f"/proxies/{quote_name(name)}"
    toxics = [str(toxic["name"]) for toxic in row.get("toxics") or () if str(toxic.get("name")).startswith(PREFIX)]
    is_ours = any(toxic.startswith(DISABLED_PREFIX) for toxic in toxics)
    if is_ours and not row.get("enabled"):
        if problem := _try_calls(api, [("POST", path, {"enabled": True})]):
            left.append(f"proxy {name!r} is still disabled: {problem}")
            toxics = [toxic for toxic in toxics if not toxic.startswith(DISABLED_PREFIX)]  # the mark stays with it
        else:
            done.append(f"proxy {name!r} was enabled again")
    for toxic in toxics:
        if problem := _try_calls(api, list_removal_calls(f"{path}/toxics/{quote_name(toxic)}")):
            left.append(f"toxic {toxic!r} is still on proxy {name!r}: {problem}")
        else:
            done.append(f"toxic {toxic!r} was removed from proxy {name!r}")


def _try_calls(api: ToxiproxyApi, calls: list[ApiCall]) -> str:
    """Make every call, also after one that fails; empty when the last one did it, else why not and the way by hand."""
    problem = ""
    for method, path, body in calls:
        problem, by_hand = "", format_curl(api, method, path, body)
        try:
            answer = api.call(method, path, allow_missing=True, json=body)
        except UsageError as error:
            problem = str(error)
        else:
            if answer.status_code == 404 and not answer.text.startswith("{"):
                problem = f"{api.where}: {method} {path} was refused with 404"
    if not problem:
        return ""
    by_reset = ""
    if any(f"refused with {status}" in problem for status in (301, 404)):
        by_reset = f", or, with the faults of everybody there: {format_curl(api, 'POST', '/reset')}"
    return f"{problem}; this ends it: {by_hand}{by_reset}"


def format_curl(api: ToxiproxyApi, method: str, path: str, body: dict[str, Any] | None = None) -> str:
    """A call to the API as a command for a shell."""
    content = [] if body is None else ["-d", json.dumps(body)]
    return shlex.join(["curl", "--path-as-is", "-X", method, *content, api.base + path])

"""Calls to the API of a Toxiproxy or of the harness's own fault proxy: one address, deadlines, errors that help.

Tested in tests/chaos/test_injector.py.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from harness.chaos.guardian import ApiCall
from harness.core.errors import UsageError
from harness.core.experiment import Link

TIMEOUT = 12.0
"""Seconds for one call: Toxiproxy may take 10 to change a link with stalled connections."""


class ProxyGone(UsageError):
    """No fault proxy answers at the link's API."""


class ToxiproxyApi:
    """The API at `base`, a URL; `where` names it in messages."""

    def __init__(self, link: Link) -> None:
        self.base = link.api.rstrip("/")
        self.where = f"link {link.name!r} ({link.api})" if link.name else link.api
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)
        self.close = self._http.close

    def call(self, method: str, path: str, *, allow_missing: bool = False, json: Any = None) -> httpx.Response:
        """One call. `allow_missing` accepts a 404. Raises `ProxyGone` for no answer, `UsageError` for a refusal."""
        try:
            response = self._http.request(method, self.base + path, json=json)
            if response.is_success and response.content:
                response.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            remedy = "start one (aiharness proxy), or correct the URL of its API"
            raise ProxyGone(f"{self.where}: no Toxiproxy or fault proxy answers ({reason}): {remedy}") from None
        except ValueError:
            raise UsageError(
                f"{self.where}: {path} is not JSON: this is not a Toxiproxy API, correct the URL"
            ) from None
        if response.is_success or (allow_missing and response.status_code == 404):
            return response
        answer = f"{response.status_code}: {response.text.strip()[:200]}"
        raise UsageError(f"{self.where}: {method} {path} was refused with {answer}")


def quote_name(name: str) -> str:
    """The name of a proxy or of a toxic as one segment of a path, whatever it holds (`a?b`, `team/a`, `..`)."""
    if not name.strip("."):
        return name.replace(".", "%2E")  # else a segment of dots is taken for a step up
    return quote(name, safe="")


def list_removal_calls(toxic: str) -> list[ApiCall]:
    """The calls that remove a toxic, given by its path in the API.

    Toxiproxy 2.12 hangs for good when a toxic is deleted while clients have broken off their connections through it,
    unless it was made to strike nobody first.
    """
    return [("POST", toxic, {"toxicity": 0}), ("DELETE", toxic, None)]

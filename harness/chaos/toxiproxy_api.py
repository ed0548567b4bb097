"""The `toxiproxy-python` client and what it lacks: an address of its own, deadlines, errors that say what to do."""

from __future__ import annotations

import importlib.util
from functools import partialmethod
from typing import Any

import httpx

from harness.chaos.guardian import Call
from harness.core.errors import UsageError
from harness.core.experiment import Link

TIMEOUT = 12.0
"""Seconds for one call: Toxiproxy may take 10 to change a link with stalled connections."""


class ProxyGone(UsageError):
    """No fault proxy answers at the link's API."""


class Consumer:
    """Stands where `toxiproxy-python` has its global APIConsumer: an address of its own, deadlines, our errors."""

    def __init__(self, link: Link) -> None:
        self.base = link.api.rstrip("/")
        self.where = f"link {link.name!r} ({link.api})" if link.name else link.api
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)
        self.close = self._http.close

    def call(self, method: str, url: str, *, missing: bool = False, **options: Any) -> httpx.Response:
        """One call; `missing` lets a 404 pass. Raises `ProxyGone` for no answer, `UsageError` for a refusal."""
        try:
            answer = self._http.request(method, self.base + url, **options)
            if answer.is_success and answer.content:
                answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = str(error) or type(error).__name__
            raise ProxyGone(f"{self.where}: no Toxiproxy or fault proxy answers ({said})") from None
        except ValueError:
            raise UsageError(f"{self.where}: {url} answered no JSON: this is no Toxiproxy's API") from None
        if answer.is_success or (missing and answer.status_code == 404):
            return answer
        said = f"{answer.status_code}: {answer.text.strip()[:200]}"
        raise UsageError(f"{self.where}: {method} {url} was refused with {said}")

    get, post = partialmethod(call, "GET"), partialmethod(call, "POST")


def removal(toxic: str) -> list[Call]:
    """The calls that take a toxic off. Toxiproxy 2.12 hangs for good when one is deleted while clients have broken
    their connections off through it, unless it was made to strike nobody first."""
    return [("POST", toxic, {"toxicity": 0}), ("DELETE", toxic, None)]


def client(consumer: Consumer) -> Any:
    """A `toxiproxy-python` client of its own: the package keeps its address in a global, so each gets its own copy."""
    copies = []
    for name in ("toxiproxy.proxy", "toxiproxy.server"):
        try:
            spec = importlib.util.find_spec(name)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        except ImportError:
            raise UsageError("the chaos suite needs its extra: pip install 'aiharness[chaos]'") from None
        vars(module)["APIConsumer"] = consumer
        copies.append(module)
    proxy, server = copies
    vars(server)["Proxy"] = proxy.Proxy
    return server.Toxiproxy()

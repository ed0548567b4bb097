"""Injector: puts a fault on a link, proves it, and takes it off again on every way out.

It speaks to any server with Toxiproxy's API, over the `toxiproxy-python` client: a real Toxiproxy, or the harness's own
fault proxy, which `GET /aiharness` tells, which adds a lease to a fault and counts whom it strikes.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from harness.chaos.guardian import Call, Guardian
from harness.chaos.proof import Probe, probe_link, prove_fault
from harness.chaos.toxiproxy_api import Consumer, client, removal
from harness.core.errors import UsageError
from harness.core.experiment import Fault, Link, Proof
from harness.core.plan import slug

_PREFIX, _MARK = "aiharness-", "aiharness-down-"
"""How our toxics are named; `MARK` names the harmless toxic on a proxy that we have disabled."""

_OWN = ("truncate_stream",)
"""The kinds of fault that only the harness's own proxy offers."""

LEASE = 5000
"""Milliseconds after which our own proxy lifts a fault that is not renewed."""


class Injector:
    """One link's fault proxy; use it in a `with`, at whose end nothing of ours is left on.

    `allow` are hosts beyond this machine that may be disturbed. `notes` says what was lifted or created on the way.
    Raises `UsageError` for a host that is not allowed, a missing extra or a proxy that is not there; `ProxyGone`.
    """

    def __init__(self, link: Link, *, allow: Sequence[str] = ()) -> None:
        check_allowed(link, allow)
        self.link = link
        self.notes: list[str] = []
        self._consumer = Consumer(link)
        self._guardian = Guardian()
        self._before = Probe("refused")
        self._settled = 0
        try:
            self._client = client(self._consumer)
            self.own = self._consumer.call("GET", "/aiharness", missing=True).status_code == 200
            self._proxy = self._found()
        except BaseException:
            self._consumer.close()
            raise

    @property
    def listen(self) -> str:
        """Where the link's proxy listens, "host:port"."""
        return str(self._proxy.listen)

    def carries_url(self, url: str) -> bool:
        """Whether all that is sent to this URL goes through the link."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return parts.hostname in ("localhost", "127.0.0.1", "::1") and self.listen.endswith(f":{port}")

    def check_fault(self, fault: Fault) -> None:
        """Raises `UsageError` for a kind of fault that this server does not offer."""
        if fault.kind in _OWN and not self.own:
            needs = f"{fault.kind} needs the harness's own fault proxy"
            raise UsageError(f"fault {fault.name!r}: {needs}; {self._consumer.where} is a plain Toxiproxy")

    def settle(self) -> None:
        """Lift what a killed run has left. Raises `UsageError` where somebody else's disturbance is on the link."""
        self._await_leases()
        done = _swept(self._consumer, self._client, self.link.proxy)
        self.notes += [f"left by an earlier run, ended now: {line}" for line in done]
        self._proxy = self._found()
        foreign = [f"toxic {name!r}" for name in self._proxy.toxics()]
        foreign += [] if self._proxy.enabled else ["the proxy is disabled"]
        if foreign:
            raise UsageError(f"{self._consumer.where} is not in a steady state: {', '.join(foreign)}")
        self._before = min((probe_link(self.listen) for _ in range(2)), key=lambda found: found.total)
        self._settled = self.count_carried_bytes()

    def _await_leases(self) -> None:
        """Wait for a killed run's faults to lift themselves. Raises `UsageError` for those that a run still renews."""
        ends = time.monotonic() + LEASE / 1000 + 1
        path = f"/proxies/{quote(self._proxy.name, safe='')}/toxics"
        while self.own and (alive := [t["name"] for t in self._consumer.call("GET", path).json() if "lease_ms" in t]):
            if time.monotonic() > ends:
                where = self._consumer.where
                raise UsageError(f"{where}: another run keeps its fault {alive[0]!r} on; wait for that run to end")
            time.sleep(0.2)

    def read_counters(self) -> dict[str, Any]:
        """What our own proxy counted on this link so far; empty for a plain Toxiproxy."""
        if not self.own:
            return {}
        counted: dict[str, Any] = self._consumer.call("GET", "/aiharness/counters").json()["proxies"][self._proxy.name]
        return counted

    def count_carried_bytes(self) -> int:
        """Bytes that went over the link so far, 0 where they are not counted."""
        return int(self.read_counters().get("bytes", 0))

    @contextlib.contextmanager
    def apply(self, fault: Fault) -> Iterator[ActiveFault]:
        """The fault is on inside the `with`, and lifted after it whatever happened. Raises as the constructor does."""
        self.check_fault(fault)
        active = ActiveFault(self, fault)
        try:
            active.apply()
            yield active
        finally:
            active.lift()

    def __enter__(self) -> Injector:
        return self

    def __exit__(self, *_: object) -> None:
        self._guardian.close()
        self._consumer.close()

    def _found(self) -> Any:
        link, where = self.link, self._consumer.where
        try:
            proxy = self._client.get_proxy(link.proxy)
        except (AttributeError, KeyError, TypeError):
            raise UsageError(f"{where}: this is no Toxiproxy's API") from None
        if proxy is not None and link.upstream and _elsewhere(str(proxy.upstream), link.upstream):
            raise UsageError(
                f"{where}: proxy {link.proxy!r} there leads to {proxy.upstream}, not to "
                f"{link.upstream}; give the link another proxy name, or delete that one"
            )
        if proxy is None and link.listen and link.upstream:
            proxy = self._client.create(upstream=link.upstream, name=link.proxy, listen=link.listen, enabled=True)
            self.notes.append(
                f"proxy {link.proxy!r} was created from {proxy.listen} to {link.upstream}, and left there"
            )
        if proxy is None:
            give = "create it there, or give the link's listen and upstream"
            raise UsageError(f"{where}: there is no proxy {link.proxy!r}; {give}")
        return proxy


class ActiveFault:
    """One fault of an injector: on its way on, on, or lifted."""

    def __init__(self, injector: Injector, fault: Fault) -> None:
        self._fault, self._proxy, self._before = fault, injector._proxy, injector._before
        self._injector, self._used = injector, injector.count_carried_bytes() - injector._settled
        self._call, self._base, self._guardian = injector._consumer.call, injector._consumer.base, injector._guardian
        self._down = fault.kind == "down"
        self._counted = injector.own and not self._down
        self.name = f"{_MARK if self._down else _PREFIX}{slug(fault.name)}"
        self._path = f"/proxies/{quote(self._proxy.name, safe='')}"
        self._toxic = f"{self._path}/toxics/{self.name}"

    def apply(self) -> None:
        """Put the fault on; the guardian knows of it first."""
        fault = self._fault
        self._guardian.watch(self.name, self._base, self._lifting())
        words: dict[str, Any] = {"name": self.name, "type": fault.kind, "stream": fault.stream}
        words |= {"toxicity": fault.toxicity, "attributes": dict(fault.attributes)}
        if self._down:
            self._proxy.add_toxic(name=self.name, type="latency", toxicity=0.0)  # does nothing, says who we are
            self._proxy.disable()
        elif self._counted:  # the package's add_toxic knows no lease
            self._call("POST", f"{self._path}/toxics", json={**words, "lease_ms": LEASE})
        else:
            self._proxy.add_toxic(**words)

    def renew(self) -> None:
        """Keep the fault on. Raises `ProxyGone` when the proxy has died, `UsageError` when somebody has lifted it."""
        if self._counted:
            self._call("PATCH", self._toxic, json={"lease_ms": LEASE})
        else:
            self._call("GET", self._toxic)

    def prove(self) -> Proof:
        """Whom the fault struck so far: by the own proxy's counters, else by a connection of our own through it."""
        if not self._counted:
            proof = prove_fault(self._fault, str(self._proxy.listen), self._before)
            if proof.confirmed == "none" or self._used <= 0:
                return proof
            # Who is refused cannot be counted, but that the service uses the link is.
            return Proof("counter", None, f"{proof.detail}, and the link had carried {self._used:,} bytes before")
        affected = int(self._injector.read_counters()["toxics"].get(self.name, {}).get("affected", 0))
        return Proof("counter" if affected else "none", affected, f"the proxy counted {affected} that it struck")

    def lift(self) -> None:
        """Take the fault off. Raises `ProxyGone` when the proxy has died; the guardian goes on trying then."""
        for method, path, body in self._lifting():
            self._call(method, path, missing=True, json=body)
        self._guardian.done(self.name)

    def _lifting(self) -> list[Call]:
        enable: list[Call] = [("POST", self._path, {"enabled": True})]
        return [*(enable if self._down else []), *removal(self._toxic)]


def lift_faults(api_urls: Sequence[str], *, allow: Sequence[str] = ()) -> list[str]:
    """End every fault of ours at these API URLs; says what was done, a line each. Raises as `Injector` does."""
    said: list[str] = []
    for url in dict.fromkeys(api_urls):
        link = Link("", url, "")
        check_allowed(link, allow)
        with contextlib.closing(Consumer(link)) as consumer:
            found = _swept(consumer, client(consumer), None)
        said += [f"{url}: {line}" for line in found or ["no fault of ours was on"]]
    return said


def _elsewhere(one: str, other: str) -> bool:
    return one.replace("localhost", "127.0.0.1") != other.replace("localhost", "127.0.0.1")


def check_allowed(link: Link, allow: Sequence[str]) -> None:
    """Raises `UsageError` unless the API's host is this machine or on the allow-list (`[targets] allow`)."""
    parts = urlsplit(link.api)
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host != "localhost" and not {host, parts.netloc} & set(allow):
        what = f"{host or link.api!r} is neither this machine nor on the allow-list; add it to [targets] allow"
        raise UsageError(f"link {link.name!r}: {what}")


def _swept(consumer: Consumer, client: Any, only: str | None) -> list[str]:
    """Remove every toxic of ours, and enable again the proxies that we have disabled; says what was done."""
    said: list[str] = []
    for name, proxy in client.proxies().items():
        toxics = [toxic for toxic in proxy.toxics() if toxic.startswith(_PREFIX)] if only in (None, name) else []
        if not proxy.enabled and any(toxic.startswith(_MARK) for toxic in toxics):
            proxy.enable()
            said.append(f"proxy {name!r} was enabled again")
        for toxic in toxics:
            for method, path, body in removal(f"/proxies/{quote(name, safe='')}/toxics/{quote(toxic, safe='')}"):
                consumer.call(method, path, missing=True, json=body)
            said.append(f"toxic {toxic!r} was removed from proxy {name!r}")
    return said

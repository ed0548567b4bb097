"""Injector: applies a fault to a link, proves it, and lifts it again on every way out.

It speaks to any server with Toxiproxy's API, over the `toxiproxy-python` client: a real Toxiproxy, or the harness's own
fault proxy, which answers `GET /aiharness`, gives each fault a lease, and counts what it strikes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.chaos.guardian import ApiCall, Guardian, LiftRecord, do_nothing
from harness.chaos.lifting import DISABLED_PREFIX, PREFIX, lift_ours
from harness.chaos.proof import probe_link, prove_fault
from harness.chaos.toxiproxy_api import ToxiproxyApi, list_removal_calls, quote_name
from harness.core.disturbance import may_disturb
from harness.core.errors import HarnessError, UsageError
from harness.core.experiment import Fault, Link, Proof
from harness.core.fault import LinkProbe, load_fault
from harness.core.plan import make_slug
from harness.io.clock import read_monotonic, sleep_real

if TYPE_CHECKING:
    from harness.chaos.toxiproxy_client import LinkProxy, LinkToxiproxy

LEASE = 5000
"""Milliseconds after which our own proxy lifts a fault that is not renewed."""


class Injector:
    """The fault proxy of one link; a `with` block, after which no fault of ours is left on.

    `allow` are hosts beyond this machine that may be disturbed. `seed` decides what our own proxy strikes. `notes` says
    what was lifted or created on the way.
    Raises `UsageError` for a host that is not allowed, a missing extra or a missing proxy; `ProxyGone`.
    """

    def __init__(self, link: Link, *, allow: Sequence[str] = ()) -> None:
        check_allowed(link, allow)
        self.link = link
        self.notes: list[str] = []
        self.api = ToxiproxyApi(link)
        self.guardian = Guardian()
        self.before = LinkProbe("refused")
        self.seed = 0
        self._is_marked = False
        try:
            self._client = _connect_client(self.api)
            self.is_own_proxy = self.api.call("GET", "/aiharness", allow_missing=True).status_code == 200
            self.proxy = self._open_proxy()
        except BaseException:
            self.api.close()
            raise

    @property
    def listen(self) -> str:
        """Where the link's proxy listens, "host:port"."""
        return str(self.proxy.listen)

    @property
    def api_url(self) -> str:
        """Where the faults can be ended, for `aiharness lift`; empty where nothing can stay on."""
        return self.link.api

    def carries_url(self, url: str) -> bool:
        """Whether every request to this URL goes through the link."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return parts.hostname in ("localhost", "127.0.0.1", "::1") and self.listen.endswith(f":{port}")

    def check_fault(self, fault: Fault) -> None:
        """Raises `UsageError` for a kind of fault that this server does not offer."""
        if load_fault(fault.kind).needs_own_proxy and not self.is_own_proxy:
            needs = f"{fault.kind} needs the harness's own fault proxy"
            raise UsageError(f"fault {fault.name!r}: {needs}; {self.api.where} is a plain Toxiproxy")

    def check_place(self, fault: Fault, url: str) -> None:
        """Raises `UsageError` for a fault that changes what answers say where every request to `url` goes through it:
        the harness would judge its own changes."""
        if load_fault(fault.kind).rewrites and self.carries_url(url):
            raise UsageError(
                f"fault {fault.name!r}: {fault.kind} changes what answers say, and link {self.link.name!r} lies "
                "between the harness and the service, where nobody but the harness would see it: give the service the "
                "link's address as that of its upstream"
            )

    def settle(self) -> None:
        """Lift what a killed run has left on. Raises `UsageError` if somebody else disturbs the link."""
        self._await_leases()
        lifted, remaining = lift_ours(self.api, self.link.proxy)
        if remaining:
            raise UsageError(f"{self.api.where}: {remaining[0]}")
        self.notes += [f"left by an earlier run, ended now: {line}" for line in lifted]
        self.proxy = self._open_proxy()
        foreign = [f"toxic {name!r}" for name in self.proxy.toxics()]
        if not self.proxy.enabled:
            foreign.append("the proxy is disabled")
        if foreign:
            raise UsageError(f"{self.api.where} is not in a steady state: {', '.join(foreign)}")
        self.before = min(probe_link(self.listen), probe_link(self.listen), key=lambda probe: probe.total)

    def _await_leases(self) -> None:
        """Wait until a killed run's faults have ended. Raises `UsageError` for those that a run still renews."""
        ends = read_monotonic() + LEASE / 1000 + 1
        while self.is_own_proxy:
            row = self.api.call("GET", self.proxy.path).json()
            leased = [str(part["name"]) for part in (*row["toxics"], row) if "lease_ms" in part]
            if not leased:
                return
            if read_monotonic() > ends:
                where = self.api.where
                raise UsageError(f"{where}: another run keeps its fault {leased[0]!r} on; wait for that run to end")
            sleep_real(0.2)

    def read_counters(self) -> dict[str, Any]:
        """What our own proxy has counted on this link; empty for a plain Toxiproxy."""
        if not self.is_own_proxy:
            return {}
        counters: dict[str, Any] = self.api.call("GET", "/aiharness/counters").json()["proxies"][self.proxy.name]
        return counters

    def count_carried_bytes(self) -> int:
        """Bytes that the link has carried, 0 for a plain Toxiproxy."""
        return int(self.read_counters().get("bytes", 0))

    def set_mark(self, mark: str) -> None:
        """Have our own proxy count the requests on this link that hold this text, from 0; empty: count none."""
        if self.is_own_proxy:
            path = f"/aiharness/marks/{quote_name(self.proxy.name)}"
            self.api.call("POST", path, allow_missing=True, json={"mark": mark})
            self._is_marked = bool(mark)

    def count_marked(self) -> int:
        """Requests with our mark that the link has carried, 0 for a plain Toxiproxy."""
        return int(self.read_counters().get("marked", 0))

    def prepare(self, fault: Fault) -> ActiveFault:
        """The fault, ready to be applied. Raises `UsageError` for a kind of fault that this server does not offer."""
        self.check_fault(fault)
        return ActiveFault(self, fault)

    @contextlib.contextmanager
    def apply(self, fault: Fault) -> Iterator[ActiveFault]:
        """The fault is on inside the `with` block, and lifted after it in any case. Raises as the constructor does."""
        active = self.prepare(fault)
        try:
            active.apply()
            yield active
        finally:
            active.lift()

    def __enter__(self) -> Injector:
        return self

    def __exit__(self, *_: object) -> None:
        self.guardian.close()
        if self._is_marked:
            with contextlib.suppress(HarnessError):
                self.set_mark("")
        self.api.close()

    def _open_proxy(self) -> LinkProxy:
        """The link's proxy on the server; it is created if it is missing and the link states its addresses."""
        link, where = self.link, self.api.where
        try:
            proxy: LinkProxy | None = self._client.get_proxy(link.proxy)
        except (AttributeError, KeyError, TypeError):
            raise UsageError(f"{where}: this is not a Toxiproxy API") from None
        if proxy is None:
            if not (link.listen and link.upstream):
                remedy = "create it there, or give the link's listen and upstream"
                raise UsageError(f"{where}: there is no proxy {link.proxy!r}; {remedy}")
            proxy = self._client.create(upstream=link.upstream, name=link.proxy, listen=link.listen)
            self.notes.append(
                f"proxy {link.proxy!r} was created from {proxy.listen} to {link.upstream}, and left there"
            )
        elif link.upstream and not _is_same_address(proxy.upstream, link.upstream):
            raise UsageError(
                f"{where}: proxy {link.proxy!r} there leads to {proxy.upstream}, not to "
                f"{link.upstream}; give the link another proxy name, or delete that one"
            )
        return proxy


class FaultLifted(UsageError):
    """Somebody else has lifted a fault of ours, for example `aiharness lift`."""


class ActiveFault:
    """One fault of an injector: about to be applied, on, or lifted.

    `is_counted`: the proxy counts what the fault strikes, and keeps the count after the lift.
    """

    def __init__(self, injector: Injector, fault: Fault) -> None:
        self._injector, self._fault, self._proxy = injector, fault, injector.proxy
        self._disables = load_fault(fault.kind).stage is None
        self.is_counted = injector.is_own_proxy and not self._disables
        self.name = f"{DISABLED_PREFIX if self._disables else PREFIX}{make_slug(fault.name)}"
        self._path = f"{self._proxy.path}/toxics/{self.name}"

    def apply(self, record: LiftRecord | None = None, begin: Callable[[], None] = do_nothing) -> None:
        """Apply the fault. The guardian learns of it first, and writes the record if it has to lift it; then `begin` is
        called."""
        fault = self._fault
        self._injector.guardian.watch(self.name, self._injector.api.base, self._list_lifting_calls(), record)
        begin()
        lease = {"lease_ms": LEASE} if self._injector.is_own_proxy else {}
        if self._disables:
            self._proxy.add_toxic(name=self.name, type="noop", **lease)
            self._proxy.disable(**lease)
            return
        toxic = {"name": self.name, "type": fault.kind, "stream": fault.stream, "toxicity": fault.toxicity}
        seed = {"seed": self._injector.seed} if self._injector.is_own_proxy else {}
        self._proxy.add_toxic(**toxic, attributes=dict(fault.attributes), **lease, **seed)

    def renew(self) -> None:
        """Keep the fault on. Raises `ProxyGone` when the proxy has died, `FaultLifted` when somebody has lifted it."""
        if not self._injector.is_own_proxy:
            self._keep("GET", None)
            return
        self._keep("PATCH", {"lease_ms": LEASE})
        if self._disables:
            self._injector.api.call("PATCH", self._proxy.path, json={"lease_ms": LEASE})

    def change(self, fault: Fault) -> None:
        """Give the fault these attributes and this toxicity. Raises as `renew`."""
        if not self._disables:
            self._keep("POST", {"attributes": dict(fault.attributes), "toxicity": fault.toxicity})

    def _keep(self, method: str, body: dict[str, Any] | None) -> None:
        if self._injector.api.call(method, self._path, allow_missing=True, json=body).status_code == 404:
            raise FaultLifted(f"{self._injector.api.where}: somebody has lifted the fault {self._fault.name!r}")

    def prove(self) -> Proof:
        """Whether the fault took effect: by our own proxy's counters, otherwise by a probe through the link."""
        if self.is_counted:
            counts = self._injector.read_counters()["toxics"].get(self.name, {})
            affected, ours = int(counts.get("affected", 0)), int(counts.get("marked", 0))
            detail = f"the proxy counted {affected} affected connections or requests"
            if ours:
                detail += f", and {ours} of our requests"
            waits, early = int(counts.get("waits", 0)), int(counts.get("early", 0))
            return Proof("counter" if affected else "none", affected, detail, ours, waits=waits, early=early)
        return prove_fault(self._fault, self._injector.listen, self._injector.before)

    def lift(self) -> None:
        """Lift the fault. Raises `ProxyGone` when the proxy has died; the guardian continues to try then."""
        for method, path, body in self._list_lifting_calls():
            self._injector.api.call(method, path, allow_missing=True, json=body)
        self._injector.guardian.forget(self.name)

    def _list_lifting_calls(self) -> list[ApiCall]:
        enable: list[ApiCall] = [("POST", self._proxy.path, {"enabled": True})] if self._disables else []
        return enable + list_removal_calls(self._path)


def lift_faults(api_urls: Sequence[str], *, allow: Sequence[str] = ()) -> list[str]:
    """End every fault of ours at these API URLs. Returns a line for each thing done.

    Each URL and each fault is tried. Raises `UsageError` with every line, also of what is still on, and how to end it.
    """
    done: list[str] = []
    left: list[str] = []
    for url in dict.fromkeys(api_urls):
        link = Link("", url, "")
        try:
            check_allowed(link, allow)
            with contextlib.closing(ToxiproxyApi(link)) as api:
                lifted, remaining = lift_ours(api, None)
        except UsageError as problem:
            left.append(str(problem))
            continue
        if not lifted and not remaining:
            lifted = ["no fault of ours was on"]
        done += [f"{url}: {line}" for line in lifted]
        left += [f"{url}: {line}" for line in remaining]
    if left:
        raise UsageError("\n".join([*done, *left]))
    return done


def _connect_client(api: ToxiproxyApi) -> LinkToxiproxy:
    try:
        from harness.chaos.toxiproxy_client import LinkToxiproxy
    except ImportError:
        raise UsageError("the chaos suite needs its extra: pip install 'aiharness[chaos]'") from None
    return LinkToxiproxy(api)


def _is_same_address(one: str, other: str) -> bool:
    return one.replace("localhost", "127.0.0.1") == other.replace("localhost", "127.0.0.1")


def check_allowed(link: Link, allow: Sequence[str]) -> None:
    """Raises `UsageError` unless the API's host is this machine or on the allow-list (`[targets] allow`)."""
    try:
        parts = urlsplit(link.api)
    except ValueError as error:
        raise UsageError(f"link {link.name!r}: {link.api!r} is not a URL ({error})") from None
    host = parts.hostname or ""
    if not may_disturb(link.api, allow):
        problem = (
            f"{host or link.api!r} is neither this machine nor on the allow-list; write [targets] allow = [{host!r}]"
        )
        raise UsageError(f"link {link.name!r}: {problem}")

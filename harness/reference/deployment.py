"""The whole reference deployment: a gateway in front of two backends, with a fault proxy on the links."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

import httpx

from harness.core.errors import UsageError
from harness.reference.child import Child, StartError
from harness.reference.gateway import EDITIONS
from harness.reference.process import ReferenceProcess
from harness.reference.server import format_socket_url, listen
from harness.reference.settings import ServiceSettings

BACKENDS = ("backend-a", "backend-b")
"""The names of the backends' links, and of their proxies."""
SomeChild = TypeVar("SomeChild", bound=Child)
_KEY_VARIABLE = "AIHARNESS_GATEWAY_KEY"


class Deployment:
    """A context manager around a fault proxy, two backends and a gateway, each a process in a group of its own.

    The gateway reaches the backends only through the fault proxy, so that a fault on a link is a fault of that backend.
    Once it is entered, `url` is the gateway's address, `proxy_api` that of the fault proxy's Toxiproxy API, `links`
    maps the name of a link to its proxy there, and `backends` the same names to the backends' processes. `edition` is
    hardened or naive; `api_key` is the gateway's (None: open); `port` the gateway's (0: a free one); `backend` are the
    settings of both backends, except their key; `gateway_defect` is a seeded defect of the gateway (in a checkout);
    with `max_in_flight` the hardened one sheds what is more.
    With `proxy_api`, the URL of a Toxiproxy that runs on this machine, no fault proxy is started. Everything is stopped
    on every way out (SIGTERM, SIGKILL after 3 seconds), and ends by itself when this process dies.
    """

    def __init__(
        self,
        edition: str = "hardened",
        *,
        api_key: str | None = None,
        seed: int = 0,
        port: int = 0,
        backend: ServiceSettings | None = None,
        proxy_api: str | None = None,
        gateway_defect: str | None = None,
        max_in_flight: int | None = None,
        deadline_s: float = 30.0,
    ) -> None:
        if edition not in EDITIONS:
            raise UsageError(f"unknown edition {edition!r}; the editions are {', '.join(EDITIONS)}")
        self.edition = edition
        self.url = ""
        self.proxy_api = proxy_api or ""
        self.links = {name: name for name in BACKENDS}
        self.backends: dict[str, ReferenceProcess] = {}
        self._api_key = api_key
        self._port = port
        self._settings = backend if backend is not None else ServiceSettings(seed=seed)
        self._own_proxy = proxy_api is None
        self._gateway_defect, self._max_in_flight = gateway_defect, max_in_flight
        self._deadline_s = deadline_s
        self.children: list[Child] = []

    @property
    def is_alive(self) -> bool:
        """Whether every process is running."""
        return bool(self.children) and all(child.is_alive for child in self.children)

    def start(self) -> Self:
        """Start all and wait until the gateway has had real work done by both backends. Raises `StartError`."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all at once and reap them; a second call does nothing."""
        for child in self.children:
            child.terminate()
        with ExitStack() as stack:
            for child in self.children:
                stack.callback(child.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        if self._own_proxy:
            proxy = self._launch(Child("the fault proxy", "harness.chaos.proxy", ["--port=0", "--stop-with-stdin"]))
        # The sockets listen before the backends run: so their addresses are known, and everything can start at once.
        upstreams = {}
        for name in BACKENDS:
            with listen() as listening:
                upstreams[name] = format_socket_url(listening)
                backend = ReferenceProcess(self._open_settings(), listening=listening, deadline_s=self._deadline_s)
                self.backends[name] = self._launch(backend)
        if self._own_proxy:
            self.proxy_api = proxy.await_ready().url
        links = [self._make_link(name, upstream) for name, upstream in upstreams.items()]
        gateway = self._launch(self._make_gateway(links))
        for backend in self.backends.values():
            backend.await_ready()
        self.url = gateway.await_ready().url

    def _open_settings(self) -> ServiceSettings:
        """The backends' settings, without a key: the gateway asks for the key and does not forward it."""
        return replace(self._settings, api_key=None)

    def _make_gateway(self, upstreams: list[str]) -> Child:
        arguments = ["--stop-with-stdin", f"--port={self._port}", f"--edition={self.edition}"]
        arguments += [f"--upstream={url}" for url in upstreams]
        if self._api_key is not None:
            arguments.append(f"--api-key-env={_KEY_VARIABLE}")
        if self._gateway_defect is not None:
            arguments.append(f"--defect={self._gateway_defect}")
        if self._max_in_flight is not None:
            arguments.append(f"--max-in-flight={self._max_in_flight}")
        environment = {_KEY_VARIABLE: self._api_key or ""}
        module = "harness.reference.gateway"
        return Child("the gateway", module, arguments, environment=environment, deadline_s=self._deadline_s)

    def _launch(self, child: SomeChild) -> SomeChild:
        self.children.append(child)
        return child.launch()

    def _make_link(self, name: str, upstream: str) -> str:
        """Make a proxy in front of an upstream; the URL at which it listens."""
        proxy = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream.removeprefix("http://"), "enabled": True}
        try:
            with httpx.Client(trust_env=False, timeout=5) as client:
                answer = client.post(f"{self.proxy_api}/proxies", json=proxy).raise_for_status()
            return f"http://{answer.json()['listen']}"
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise StartError(f"the fault proxy did not create the proxy {name}: {error}") from None

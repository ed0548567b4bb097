"""`toxiproxy-python` for several servers in one process: the package keeps one address for all its objects, on a class.

So these subclasses send the package's calls over the connection of their own link; nothing in the package is changed.
Tested in tests/chaos/test_injector.py.
"""

from __future__ import annotations

from toxiproxy import Proxy, Toxiproxy
from toxiproxy.toxic import Toxic

from harness.chaos.toxiproxy_api import ToxiproxyApi, quote_name


class LinkToxiproxy(Toxiproxy):  # type: ignore[misc]  # the package has no types
    """The package's `Toxiproxy` at the address of one link."""

    def __init__(self, api: ToxiproxyApi) -> None:
        self._api = api

    def proxies(self) -> dict[str, LinkProxy]:
        """Every proxy of the server by name."""
        rows = self._api.call("GET", "/proxies").json()
        return {name: LinkProxy(self._api, row) for name, row in rows.items()}

    def create(self, upstream: str, name: str, listen: str = "127.0.0.1:0", enabled: bool = True) -> LinkProxy:
        """Create a proxy from `listen` to `upstream` ("host:port")."""
        body = {"upstream": upstream, "name": name, "listen": listen, "enabled": enabled}
        return LinkProxy(self._api, self._api.call("POST", "/proxies", json=body).json())


class LinkProxy(Proxy):  # type: ignore[misc]
    """The package's `Proxy`; `path` is its place in the API."""

    def __init__(self, api: ToxiproxyApi, row: dict[str, object]) -> None:
        super().__init__(**row)
        self._api, self.path = api, f"/proxies/{quote_name(self.name)}"

    def toxics(self) -> dict[str, Toxic]:
        """Every toxic of the proxy by name."""
        return {row["name"]: Toxic(**row) for row in self._api.call("GET", f"{self.path}/toxics").json()}

    def add_toxic(self, **toxic: object) -> None:
        """Add a toxic; the keys are those of Toxiproxy's API, and `lease_ms` for the harness's own proxy."""
        self._api.call("POST", f"{self.path}/toxics", json=toxic)

    def enable(self) -> None:
        """Listen again."""
        self._switch(True)

    def disable(self, **lease: int) -> None:
        """Stop listening and close every connection; `lease_ms` as for a toxic."""
        self._switch(False, **lease)

    def _switch(self, enabled: bool, **lease: int) -> None:
        self._api.call("POST", self.path, json={"enabled": enabled, **lease})
        self.enabled = enabled

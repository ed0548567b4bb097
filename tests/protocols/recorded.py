"""Answers that real servers gave, in `data/` (made from the project's recorded exchanges), and how to use them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.exchange import Exchange, Request, Response, Timing

_DATA = Path(__file__).parent / "data"


def load(name: str) -> dict[str, Any]:
    """One file of recorded answers: `answers`, `probes` or `streams`."""
    data = json.loads((_DATA / f"{name}.json").read_text())
    assert isinstance(data, dict)
    return data


class Server(Mapping[str, Exchange]):
    """What each path of a recorded server answers to GET; `*` is its answer at a path that it does not have."""

    def __init__(self, recorded: Mapping[str, tuple[int, str, str]]) -> None:
        self._recorded = recorded

    def __getitem__(self, path: str) -> Exchange:
        status, content_type, body = self._recorded.get(path) or self._recorded.get("*") or (404, "text/plain", "")
        headers = (("content-type", content_type),) if content_type else ()
        return exchange(path, Response(status, headers, body.encode()))

    def __iter__(self) -> Any:
        return iter(self._recorded)

    def __len__(self) -> int:
        return len(self._recorded)


def exchange(path: str, response: Response | None) -> Exchange:
    """An exchange that brought this answer."""
    return Exchange(Request("GET", path), Timing(0.0), response)

"""`GET /metrics`: Toxiproxy's two counters of bytes with their labels, and the harness's own, as Prometheus text.

Toxiproxy counts a direction of a connection when it ends; these figures are live.
Tested in tests/chaos/proxy/test_metrics.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.chaos.proxy.proxy import Proxy
from harness.chaos.proxy.record import TrafficKey

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Samples = list[tuple[Mapping[str, str], int]]
_OF_TOXICS = ("connections", "affected_connections", "affected_requests", "bytes", "marked")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def format_metrics(ended: Mapping[TrafficKey, tuple[int, int]], proxies: Iterable[Proxy]) -> str:
    """The page. `ended` is what connections that have ended received and sent, in bytes, by their route."""
    traffic = dict(ended)
    families: dict[tuple[str, str], _Samples] = {}
    for proxy in proxies:
        for route, received, sent in proxy.list_traffic():
            before = traffic.get(route, (0, 0))
            traffic[route] = (before[0] + received, before[1] + sent)
        counters, name = proxy.read_counters(), {"proxy": proxy.name}
        for key, kind in (("connections", "counter"), ("open", "gauge"), ("marked", "counter")):
            families.setdefault((f"aiharness_proxy_{key}", kind), []).append((name, counters[key]))
        for toxic, row in counters["toxics"].items():
            for key in _OF_TOXICS:
                labels = {**name, "toxic": toxic}
                families.setdefault((f"aiharness_toxic_{key}", "counter"), []).append((labels, row[key]))
    for number, way in enumerate(("received", "sent")):
        samples: _Samples = [(route._asdict(), pair[number]) for route, pair in sorted(traffic.items())]
        families["toxiproxy_proxy_" + way + "_bytes", "counter"] = samples
    return "".join(_format_family(*key, samples) for key, samples in sorted(families.items()) if samples)


def _format_family(name: str, kind: str, samples: _Samples) -> str:
    if kind == "counter":
        name += "_total"
    lines = [f"# TYPE {name} {kind}\n"]
    for labels, value in samples:
        pairs = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        lines.append(f"{name}{{{pairs}}} {value}\n")
    return "".join(lines)

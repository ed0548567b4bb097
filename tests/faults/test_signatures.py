"""The signature of each packaged fault: which probes show it, and which do not."""

from __future__ import annotations

import pytest

from harness.core.fault import LinkProbe, load_fault


def recognise(kind: str, attributes: dict[str, int], before: LinkProbe, now: LinkProbe) -> str:
    return str(load_fault(kind).parse(attributes).recognise(before, now, "downstream"))


USUAL = LinkProbe("closed", 0.01, 0.02, 1000)


@pytest.mark.parametrize(
    ("kind", "attributes", "now", "is_recognised"),
    [
        ("latency", {"latency": 200}, LinkProbe("closed", 0.21, 0.22, 1000), True),
        ("latency", {"latency": 200}, LinkProbe("closed", 0.05, 0.06, 1000), False),
        ("latency", {"latency": 200, "jitter": 190}, LinkProbe("closed", 0.03, 0.04, 1000), True),
        ("latency", {"latency": 60000}, LinkProbe("silent", None, 4.02), True),
        ("latency", {"latency": 5}, LinkProbe("closed", 0.05, 0.06, 1000), False),
        ("latency", {"latency": 200}, LinkProbe("refused", None, 0.0), False),
        ("bandwidth", {"rate": 10}, LinkProbe("closed", 0.1, 0.12, 1000), True),
        ("bandwidth", {"rate": 10000}, LinkProbe("closed", 0.1, 0.12, 1000), False),
        ("bandwidth", {"rate": 0}, LinkProbe("silent", None, 0.5), True),
        ("timeout", {"timeout": 100}, LinkProbe("closed", None, 0.1), True),
        ("timeout", {"timeout": 0}, LinkProbe("silent", None, 0.5), True),
        ("timeout", {"timeout": 0}, USUAL, False),
        ("timeout", {"timeout": 0}, LinkProbe("refused"), False),
        ("reset_peer", {}, LinkProbe("reset", None, 0.01), True),
        ("reset_peer", {}, USUAL, False),
        ("down", {}, LinkProbe("refused"), True),
        ("down", {}, USUAL, False),
    ],
)
def test_the_signature_of_a_fault(kind: str, attributes: dict[str, int], now: LinkProbe, is_recognised: bool) -> None:
    assert bool(recognise(kind, attributes, USUAL, now)) is is_recognised


@pytest.mark.parametrize("kind", ["latency", "bandwidth", "timeout"])
def test_a_peer_that_says_nothing_proves_nothing(kind: str) -> None:
    before, now = LinkProbe("silent", None, 1.0), LinkProbe("silent", None, 3.0)
    assert not load_fault(kind).example.recognise(before, now, "downstream")


def test_what_was_down_before_is_not_taken_down() -> None:
    assert not recognise("down", {}, LinkProbe("refused"), LinkProbe("refused"))

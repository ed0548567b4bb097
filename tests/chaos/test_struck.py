"""How many of our own requests a fault has struck: never from somebody else's traffic."""

from __future__ import annotations

from typing import Any

import pytest

from harness.chaos.struck import FEWEST_STRUCK, LinkUse, Traffic, count_struck
from harness.core.experiment import Fault, Proof

MARKS, SLOTS, ADDRESS, NONE = LinkUse(shown_by="marks"), LinkUse(0.15, "slots"), LinkUse(1.0, "address"), LinkUse()
ALL_OVER = Traffic(50, 50, 50, 50)


def make_counter_proof(ours: int) -> Proof:
    return Proof("counter", 500, "", ours)


def count(proof: Proof, use: LinkUse, traffic: Traffic, **fault: Any) -> int:
    return count_struck(Fault("l", "latency", **fault), proof, use, traffic)


@pytest.mark.parametrize(
    ("struck", "proof", "use", "traffic"),
    [
        (40, make_counter_proof(40), MARKS, ALL_OVER),
        (1, make_counter_proof(1), MARKS, Traffic(1, 50, 1, 50)),
        (0, make_counter_proof(0), MARKS, ALL_OVER),
        (0, make_counter_proof(0), NONE, Traffic(0, 50, 0, 50)),
        (0, make_counter_proof(0), ADDRESS, ALL_OVER),
        (50, make_counter_proof(0), ADDRESS, Traffic(0, 50, 0, 50)),
        (7, make_counter_proof(0), SLOTS, Traffic(0, 50, 0, 50)),
        (0, Proof("probe"), NONE, Traffic(0, 50, 0, 50)),
        (50, Proof("probe"), ADDRESS, Traffic(0, 50, 0, 50)),
        (0, Proof("probe"), MARKS, Traffic(0, 50, 0, 50)),
        (0, Proof("probe"), MARKS, Traffic(1, 50, 0, 50)),
        (47, Proof("probe"), MARKS, Traffic(50, 50, 0, 50)),
    ],
)
def test_only_our_own_requests_count(struck: int, proof: Proof, use: LinkUse, traffic: Traffic) -> None:
    assert count(proof, use, traffic) == struck


def test_a_service_that_avoids_the_link_has_been_struck() -> None:
    """A breaker opens after three attempts: without the fault the link would have carried half of the requests."""
    assert count(make_counter_proof(3), MARKS, Traffic(25, 50, 3, 50)) >= FEWEST_STRUCK
    assert count(make_counter_proof(3), MARKS, Traffic(25, 50, 25, 50)) == 3, (
        "it goes on: most attempts were not struck"
    )
    assert count(make_counter_proof(1), MARKS, Traffic(1, 50, 1, 50)) < FEWEST_STRUCK, "one request in fifty"
    assert count(make_counter_proof(0), MARKS, Traffic(25, 50, 0, 50)) == 0, "it was avoided before the fault struck"


def test_a_share_of_the_connections_strikes_a_share_of_the_requests() -> None:
    assert count(make_counter_proof(0), ADDRESS, Traffic(0, 50, 0, 50), toxicity=0.1) == 5

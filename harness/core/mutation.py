"""A mutation: one disturbance of the answers of a service under which a check must fail.

A check names beside itself what breaks its promise (`@check(..., broken_by=(mutate("stale_answer"),))`); where it names
nothing, or what it names does not make it fail, the common ones are tried in order. Tested in tests/core/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mutation:
    """A kind of fault of `faults/` with its attributes, one of `TARGET_CHANGES`, or `FETCHED_ADDRESS`."""

    fault: str
    attributes: tuple[tuple[str, int | str], ...] = ()

    @property
    def title(self) -> str:
        """As it is written in reports: `answer_status (status 500)`."""
        values = ", ".join(f"{name} {value}" for name, value in self.attributes if name != "text")
        return f"{self.fault} ({values})" if values else self.fault

    @property
    def needs_success(self) -> bool:
        """Whether it gives a success again that it must have seen before."""
        return self.fault == "accept_refused"

    @property
    def changes_target(self) -> bool:
        """Whether the endpoint itself is another one, so that no answer is struck."""
        return self.fault in TARGET_CHANGES


LOST_NAME, REFUSED_CONNECTION, UNTRUSTED_CERTIFICATE = "lost_name", "refused_connection", "untrusted_certificate"
OLD_TLS = "old_tls"
TARGET_CHANGES = (LOST_NAME, REFUSED_CONNECTION, UNTRUSTED_CERTIFICATE, OLD_TLS)
"""The name has no address, nothing listens, the certificate is signed by nobody, TLS 1.0 is spoken."""
FETCHED_ADDRESS = "fetched_address"
"""Each address of this machine that a request names is fetched, as by a service that follows it or runs its code."""


def mutate(fault: str, **attributes: int | str) -> Mutation:
    """The mutation of this fault, with these attributes in place of its defaults."""
    return Mutation(fault, tuple(sorted(attributes.items())))


CRASH_TEXT = 'Traceback (most recent call last):\n  File "/srv/app/model.py", line 7, in predict\nKeyError: 0'
"""What a service shows that lets its own failure out."""

CRASH_ON_BAD_INPUT = mutate("answer_status", status=500, text=CRASH_TEXT, answered="4*")
ACCEPT_BAD_INPUT = mutate("accept_refused", answered="4*")


def crash_after(requests: int) -> Mutation:
    """After so many requests the service fails, and shows how."""
    return mutate("answer_status", status=500, text=CRASH_TEXT, skip=requests)


COMMON_MUTATIONS: tuple[Mutation, ...] = (
    mutate("answer_status", status=500),
    ACCEPT_BAD_INPUT,
    CRASH_ON_BAD_INPUT,
    mutate("other_answer", form="drift"),
    mutate("other_answer", skip=1),
    crash_after(2),
    mutate("empty_answer"),
    mutate("malformed_json"),
    mutate("wrong_tensor"),
)
"""Tried in this order for a check that names none of its own, and after those that it names."""


def list_candidates(own: Sequence[Mutation]) -> tuple[Mutation, ...]:
    """What is tried for a check that names these, in order, each once."""
    return tuple(dict.fromkeys((*own, *COMMON_MUTATIONS)))

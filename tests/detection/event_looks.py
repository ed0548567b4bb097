"""Looks at defects that show after an event, or in a combination of options: see `looks.py`."""

from __future__ import annotations

import time

import httpx

from detection.over_time import IDLE_S
from harness.reference.settings import ServiceSettings
from tests.detection.looks import ONE, OTHER, Look, post, value


def _pause_between(client: httpx.Client) -> object:
    before = [value(post(client, body)) for body in (ONE, OTHER)]
    time.sleep(IDLE_S * 1.1)
    return before, [value(post(client, ONE)) for _ in range(3)]


_IDLE = ("dead_upstream_after_idle", "stale_answer_after_idle", "unloaded_after_idle")
EVENTS: dict[str, Look] = dict.fromkeys(_IDLE, _pause_between)
EVENT_BASE: dict[str, ServiceSettings] = dict.fromkeys(_IDLE, ServiceSettings(token_ms=0))

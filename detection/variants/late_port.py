"""The port opens a second after the process was started: the service announces itself when it is there."""

from __future__ import annotations

import time
from dataclasses import replace

from detection.switch import Variant
from harness.reference.settings import ServiceSettings


def _configure(settings: ServiceSettings) -> ServiceSettings:
    time.sleep(1.0)
    return replace(settings)


VARIANT = Variant(title="the service takes a second longer to start", configure=_configure)

"""The models and counters behind the protocols."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from harness.reference import digits, text_model
from harness.reference.api_error import ApiError
from harness.reference.digits import DigitsModel, Floats
from harness.reference.settings import ServiceSettings
from harness.reference.text_model import TextModel


@dataclass(slots=True)
class _Counters:
    """What the service has done so far, for `/metrics`. `active_generations` shows work whose client has left."""

    predictions: int = 0
    rows: int = 0
    generations: int = 0
    tokens: int = 0
    active_generations: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """One backend's models, settings and counters, shared by its protocols."""

    settings: ServiceSettings
    digits: DigitsModel
    text: TextModel
    started: int = field(default_factory=lambda: int(time.time()))
    counters: _Counters = field(default_factory=_Counters)

    @classmethod
    def train(cls, settings: ServiceSettings) -> Service:
        """Train both models from the settings' seed; well under a second."""
        return cls(settings, digits.train(settings.seed), text_model.load_text_model(settings.seed))

    async def classify(self, features: Floats) -> Floats:
        """Class probabilities (n, 10) for features (n, 64), after the artificial latency. Raises `ApiError` 413."""
        if len(features) > self.settings.max_rows:
            raise ApiError(413, f"{len(features)} rows in one request; at most {self.settings.max_rows}", "too_large")
        await self.think()
        self.counters.predictions += 1
        self.counters.rows += len(features)
        return self.digits.predict_proba(features)

    async def think(self) -> None:
        """Wait for the artificial service time of one inference."""
        if self.settings.latency_ms > 0:
            await asyncio.sleep(self.settings.latency_ms / 1000)

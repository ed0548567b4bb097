"""Seeded defects and healthy variants of the service: only a checkout has them, in the folder `detection/`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from starlette.types import ASGIApp

from harness.core.errors import UsageError
from harness.reference.hardened import Hardened
from harness.reference.settings import ServiceSettings

_CHECKOUT = Path(__file__).parents[2]


class ServiceChange(Protocol):
    """One change of the service; `detection/switch.py` of the repository says when each function is called."""

    def configure(self, settings: ServiceSettings, /) -> ServiceSettings:
        """Change the settings before the service is made."""

    def wrap(self, app: ASGIApp, /) -> ASGIApp:
        """Put an application around the service, behind its door."""

    def outside(self, app: ASGIApp, /) -> ASGIApp:
        """Put an application around the door."""


def load_switches(settings: ServiceSettings) -> Sequence[ServiceChange]:
    """The variants and defects that the settings name, the outermost first.

    Raises `UsageError` for an unknown one, and for every one outside a checkout.
    """
    if not settings.variants and not settings.defects:
        return ()
    switches: Sequence[ServiceChange] = _catalogue().load_named_switches(settings.variants, settings.defects)
    return switches


def choose_http(settings: ServiceSettings) -> Any:
    """uvicorn's option `http`: its own choice, or with switches a protocol that can change what is sent."""
    switches = load_switches(settings)
    return _catalogue().wire_protocol(switches) if switches else "auto"


def list_titles(kind: str) -> Mapping[str, str]:
    """The title of every `defect`, or of every `variant`, by name. Raises `UsageError` outside a checkout."""
    titles: Mapping[str, str] = _catalogue().list_switch_titles(kind)
    return titles


def load_gateway(defect: str) -> type[Hardened]:
    """The hardened gateway with a seeded defect. Raises `UsageError` for an unknown one, and outside a checkout."""
    kind: type[Hardened] = _catalogue().load_gateway_defect(defect).gateway
    return kind


def _catalogue() -> Any:
    if not (_CHECKOUT / "detection" / "catalogue.py").is_file():
        raise UsageError(
            "defects and variants are in the folder detection/ of the repository, not in the installed package: "
            "install a checkout (pip install -e .) to switch one on; aiharness demo --edition naive fails without one"
        )
    if str(_CHECKOUT) not in sys.path:
        sys.path.append(str(_CHECKOUT))
    return importlib.import_module("detection.catalogue")

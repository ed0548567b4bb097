"""What can be switched on in the reference service: a defect (wrong on purpose) or a variant (odd, and right)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from starlette.types import ASGIApp

from harness.core.errors import UsageError
from harness.core.registry import describe_unknown
from harness.reference.outbound import Wire
from harness.reference.settings import Settings

PLAIN, V2, CHAT, EMBEDDINGS = "plain_json", "v2", "openai_chat", "openai_embeddings"
"""The protocols that the service speaks, under the names of their adapters."""

_T = TypeVar("_T")
S = TypeVar("S", bound="Switch")


def _same(value: _T) -> _T:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One thing that the service does otherwise.

    `name` is its file's name, `title` one line for people. It shows in these `protocols`, in a run that makes these
    `promises` of the service (names and values of `[promises]`) and, with `needs_key`, asks for a key.

    Four hooks, from the inside out: `configure` changes the settings before the service is made; `wrap` puts an ASGI
    application around it, behind its door; `outside` one before the door, which knows keys, limits and identifiers;
    `wire` changes the bytes that leave the socket, for what an ASGI application cannot say (a wrong content-length).
    """

    name: str
    title: str
    protocols: tuple[str, ...] = (PLAIN, V2, CHAT)
    promises: Mapping[str, Any] = field(default_factory=dict)
    needs_key: bool = False
    configure: Callable[[Settings], Settings] = _same
    wrap: Callable[[ASGIApp], ASGIApp] = _same
    outside: Callable[[ASGIApp], ASGIApp] = _same
    wire: Wire | None = None


def names_in(package: ModuleType) -> tuple[str, ...]:
    """Every switch of a package, sorted."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(package.__path__)))


def load_from(package: ModuleType, kind: type[S], name: str) -> S:
    """The switch of a name, which its file offers under its kind's name in capitals. Raises `UsageError`."""
    word = kind.__name__.lower()
    if name not in names_in(package):
        raise UsageError(describe_unknown(word, name, names_in(package)))
    found = getattr(importlib.import_module(f"{package.__name__}.{name}"), word.upper())
    assert isinstance(found, kind)
    return found

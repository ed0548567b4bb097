"""Seeded defects: what one is, and where they are found (one file each in `harness/reference/defects/`)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.types import ASGIApp

from harness.core.errors import UsageError
from harness.core.registry import unknown
from harness.reference import defects
from harness.reference.settings import Settings

T = TypeVar("T")


def _same(value: T) -> T:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One fault that the service can be given on purpose; a file offers it as `DEFECT`.

    `name` is the file's name, `title` one line for people, `caught_by` the id, or its beginning, of the check that must
    catch it. `configure`
    changes the settings before the service is made; `wrap` puts an ASGI application around it, behind its door
    (the key and `x-request-id` work as ever). A defect below HTTP (a wrong content-length, a gzip header over plain
    bytes) cannot be an ASGI application, since the server below corrects or refuses it: the first such defect brings a
    third hook here, around the bytes that leave the socket.
    """

    name: str
    title: str
    caught_by: str
    configure: Callable[[Settings], Settings] = _same
    wrap: Callable[[ASGIApp], ASGIApp] = _same


def names() -> tuple[str, ...]:
    """Every defect, sorted."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(defects.__path__)))


def load(name: str) -> Defect:
    """The defect of a name. Raises `UsageError` that lists the known ones."""
    if name not in names():
        raise UsageError(unknown("defect", name, names()))
    found = importlib.import_module(f"{defects.__name__}.{name}").DEFECT
    assert isinstance(found, Defect)
    return found

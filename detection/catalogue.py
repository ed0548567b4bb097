"""Every defect and every variant, by name: one file each in `detection/defects/` and `detection/variants/`."""

from __future__ import annotations

import asyncio
import functools
import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from detection.gateway_defect import GatewayDefect
from detection.switch import Defect, Switch, Variant
from detection.wire import make_protocol
from harness.core.errors import UsageError
from harness.core.registry import describe_unknown

SWITCH_KINDS: dict[str, type[Switch]] = {"defect": Defect, "variant": Variant}
EXPERIMENTS = Path(__file__).parent / "experiments"
S = TypeVar("S", bound=Switch)


def switch_names(kind: type[Switch]) -> tuple[str, ...]:
    """The names of every defect, or of every variant, sorted."""
    return _list_modules(f"detection.{_word(kind)}s")


def load_switch(kind: type[S], name: str) -> S:
    """The defect or variant of a name. Raises `UsageError` that lists the known ones."""
    known = switch_names(kind)
    if name not in known:
        raise UsageError(describe_unknown(_word(kind), name, known))
    module = importlib.import_module(f"detection.{_word(kind)}s.{name}")
    switch = getattr(module, _word(kind).upper())
    assert isinstance(switch, kind)
    return replace(switch, name=name)


def gateway_defect_names() -> tuple[str, ...]:
    """The names of every defect of the gateway, sorted."""
    return _list_modules("detection.gateway_defects")


def load_gateway_defect(name: str) -> GatewayDefect:
    """The defect of the gateway of a name. Raises `UsageError` that lists the known ones."""
    if name not in (known := gateway_defect_names()):
        raise UsageError(describe_unknown("gateway defect", name, known))
    defect = importlib.import_module(f"detection.gateway_defects.{name}").DEFECT
    assert isinstance(defect, GatewayDefect)
    return replace(defect, name=name)


def experiment_names() -> tuple[str, ...]:
    """The names of every experiment on the reference deployment, sorted."""
    return tuple(sorted(path.stem for path in EXPERIMENTS.glob("*.toml")))


def read_experiment(name: str) -> str:
    """The configuration of an experiment, without its endpoint and links. Raises `UsageError` for an unknown one."""
    if name not in (known := experiment_names()):
        raise UsageError(describe_unknown("experiment", name, known))
    return (EXPERIMENTS / f"{name}.toml").read_text("utf-8")


def load_named_switches(variants: Iterable[str], defects: Iterable[str]) -> list[Switch]:
    """The variants and defects of these names, the outermost first. Raises `UsageError` for an unknown one."""
    loaded: list[Switch] = [load_switch(Variant, name) for name in variants]
    return loaded + [load_switch(Defect, name) for name in defects]


def list_switch_titles(kind: str) -> dict[str, str]:
    """The title of every `defect`, or of every `variant`, by name."""
    return {name: load_switch(SWITCH_KINDS[kind], name).title for name in switch_names(SWITCH_KINDS[kind])}


def wire_protocol(switches: Sequence[Switch]) -> type[asyncio.Protocol]:
    """The server's protocol whose answers pass the wires of these switches, the innermost first."""
    return make_protocol([switch.wire for switch in reversed(switches) if switch.wire is not None])


@functools.cache
def _list_modules(package: str) -> tuple[str, ...]:
    """The names of the modules of a package, sorted; its folder is read once."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)))


def _word(kind: type[Switch]) -> str:
    return kind.__name__.lower()

"""What a fault file offers: `FAULT`, a `FaultKind` with typed parameters, a stage, and a signature that proves it.

The configuration's schema, the messages about wrong values (of `[[fault]]` and of the proxy's API) and the table in
the documentation are made from the parameters; nothing outside of a fault's file names its kind.

Tested in tests/faults/test_fault_conformance.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Generic, Literal, TypeVar, get_args, get_type_hints

from harness.core.errors import UsageError
from harness.core.fault_stage import Stage
from harness.core.registry import describe_unknown, list_plugins, load_plugin

HOUR_MS = 3_600_000
"""The longest time that a parameter should take, in milliseconds."""

_GROUPS = ("faults", "disturbances", "platform_actions")
"""The plug-in groups whose files are kinds of faults: on links, by clients, on replicas of the platform."""

_VISIBLE, MOST_PROBE_DELAY = 0.01, 4.0
"""Seconds below which an added delay cannot be told from noise, and the longest delay that a probe waits for."""


@dataclass(frozen=True, slots=True)
class LinkProbe:
    """One connection of our own through a link: how it ended, and seconds to the first byte and to the end.

    `size` counts the bytes that came back, `request_size` those that were sent. `silent` means that the connection
    was still open when the probe gave up.
    """

    outcome: Literal["refused", "reset", "closed", "silent"]
    first: float | None = None
    total: float = 0.0
    size: int = 0
    request_size: int = 0


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a fault: a whole number from `low` to `high` in `unit`, or a text (one of `choices`, if any).

    A fault file writes `latency: Annotated[int, Parameter("added delay", unit="ms", high=HOUR_MS)] = 0`; name, default
    and choices (those of a `Literal`) are read from that line.
    """

    title: str
    unit: str = ""
    low: int = 0
    high: int = 0
    name: str = ""
    default: int | str = 0
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """What is allowed, in words."""
        if isinstance(self.default, str):
            return " or ".join(map(repr, self.choices)) or "a text"
        return f"a whole number from {self.low:,} to {self.high:,} {self.unit}".rstrip()

    def check(self, value: Any) -> None:
        """Raises `UsageError` that says what is allowed."""
        if isinstance(self.default, str):
            is_valid = isinstance(value, str) and (not self.choices or value in self.choices)
        else:
            is_valid = type(value) is int and self.low <= value <= self.high
        if not is_valid:
            raise UsageError(f"attribute {self.name} must be {self.range}, not {value!r}")


@dataclass(frozen=True, slots=True)
class FaultParameters:
    """Base of the parameters of a fault, a frozen dataclass, which knows the fault's signature.

    The signature is how a connection of our own recognises the fault over a proxy that does not count what it strikes
    (a real Toxiproxy): it is compared with a connection before the fault. `stream` is the disturbed one.
    """

    @property
    def is_idle(self) -> bool:
        """Whether a fault with these values disturbs nothing."""
        return False

    def find_problem(self) -> str:
        """Why these values exclude each other, although each is in its range; empty when they do not."""
        return ""

    def expect_delay(self, before: LinkProbe, stream: str) -> float:
        """Seconds that the fault should add to a probe; the probe waits twice as long."""
        return 0.0

    def recognise(self, before: LinkProbe, now: LinkProbe, stream: str) -> str:
        """What shows that the fault acts, as a sentence for the report; empty when nothing does."""
        return ""


def recognise_outcome(outcome: str, before: LinkProbe, now: LinkProbe) -> str:
    """The signature of a fault that ends connections in a way in which they did not end before."""
    return f"a connection was {outcome}" if now.outcome == outcome != before.outcome else ""


def recognise_silence(before: LinkProbe, now: LinkProbe) -> str:
    """The signature of a fault that lets no byte through; nothing when the peer sent none before."""
    is_silent = before.first is not None and now.first is None and now.outcome in ("silent", "closed")
    return "no byte came through" if is_silent else ""


def recognise_delay(expected: float, before: float, now: float) -> str:
    """The signature of a fault that adds time: at least half of the `expected` seconds were added to `before`."""
    expected = min(expected, MOST_PROBE_DELAY)
    if now - before < expected / 2 or expected < _VISIBLE:
        return ""
    return f"{(now - before) * 1e3:.0f} ms were added to a connection"


_Parameters = TypeVar("_Parameters", bound=FaultParameters)


@dataclass(frozen=True, slots=True)
class FaultKind(Generic[_Parameters]):
    """A kind of fault: everything that the harness knows of it.

    `stage` disturbs a stream; None means that the proxy is disabled instead. `example` are parameters with which the
    fault acts visibly on a request of 60 bytes and on an answer of 200, for the documentation and the conformance
    test. `by_request`: the toxicity is drawn for each request instead of each connection, by the stage.
    `needs_streaming`: it acts only on streamed answers. `needs_own_proxy`: a real Toxiproxy does not have it, so that
    the proxy always counts what it strikes. `rewrites`: it changes what answers say, so that it may only lie behind the
    service: before our own eyes it would be the harness that we judge.
    """

    name: str
    title: str
    example: _Parameters
    stage: type[Stage[_Parameters]] | None
    streams: tuple[str, ...] = ("upstream", "downstream")
    by_request: bool = False
    needs_streaming: bool = False
    needs_own_proxy: bool = False
    rewrites: bool = False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, in the order of the file. Raises `TypeError` for a field that does not describe itself."""
        hints = get_type_hints(type(self.example), include_extras=True)
        parameters = []
        for field in fields(self.example):
            value_type, parameter = (*get_args(hints[field.name]), None, None)[:2]
            if not isinstance(parameter, Parameter) or field.default is MISSING:
                raise TypeError(f"{self.name}: {field.name} must be Annotated[..., Parameter(...)] with a default")
            choices = get_args(value_type)  # of a Literal
            parameters.append(replace(parameter, name=field.name, default=field.default, choices=choices))
        return tuple(parameters)

    def parse(self, values: Mapping[str, Any], base: _Parameters | None = None, *, strict: bool = True) -> _Parameters:
        """The parameters with these values over those of `base`, or over the defaults.

        As in Toxiproxy, names match in any case and None leaves a parameter as it is. Toxiproxy ignores unknown names
        (`strict=False`). Raises `UsageError` for an unknown name, a value out of its range, and values that exclude
        each other.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        changes = {}
        for key, value in values.items():
            name = key.lower()
            if name not in known:
                if strict:
                    raise UsageError(describe_unknown(f"attribute of {self.name}", key, known))
            elif value is not None:
                known[name].check(value)
                changes[name] = value
        parameters = replace(base or type(self.example)(), **changes)
        if problem := parameters.find_problem():
            raise UsageError(problem)
        return parameters


def list_faults() -> tuple[str, ...]:
    """The names of every kind of fault: on links, by clients, and on replicas of the platform."""
    return tuple(name for group in _GROUPS for name in list_plugins(group))


def load_fault(name: str) -> FaultKind[Any]:
    """The kind of fault of this name, packaged or of an outside package. Raises `UsageError` for a broken file."""
    try:
        group = next((group for group in _GROUPS if name in list_plugins(group)), "faults")
        kind = load_plugin(group, name).FAULT
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"the file of fault {name!r} cannot be loaded: {error!r}") from error
    if not isinstance(kind, FaultKind) or kind.name != name:
        raise UsageError(f"the file of fault {name!r} must offer FAULT, a FaultKind of that name")
    return kind

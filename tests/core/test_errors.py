"""The tree of errors is the one that the module draws, and an error names its place."""

from __future__ import annotations

from harness.core import errors
from harness.core.errors import ConfigError, ErrorClass, HarnessError, ProtocolError


def test_the_error_tree_is_the_one_that_is_drawn() -> None:
    assert errors.__doc__ is not None
    drawn = {line.split()[1] for line in errors.__doc__.splitlines() if line.strip()[:2] in ("* ", "+ ")}
    real = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.HarnessError)
    }
    assert drawn == real


def test_never_reached_is_before_the_service() -> None:
    before = {error for error in ErrorClass if error.is_before_contact}
    assert before == {
        ErrorClass.NAME,
        ErrorClass.CONNECT,
        ErrorClass.TLS,
        ErrorClass.CERTIFICATE,
        ErrorClass.PROXY,
        ErrorClass.CONNECT_TIMEOUT,
    }


def test_the_error_tree_hangs_as_it_is_drawn() -> None:
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        if line.strip()[:2] in ("* ", "+ "):
            level, name = (len(line) - len(line.lstrip()) - 4) // 2, line.split()[1]
            above[level:] = [name]
            drawn[name] = above[level - 1] if level else "Exception"
    real = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, HarnessError) and value.__base__
    }
    assert drawn == real


def test_an_error_names_place_key_and_message() -> None:
    error = ConfigError("is wrong", where="a.toml:3", key="endpoint.url")
    assert (str(error), error.where, error.key) == ("a.toml:3: endpoint.url: is wrong", "a.toml:3", "endpoint.url")
    assert str(ConfigError("is wrong")) == "is wrong"
    assert str(ProtocolError("is wrong", at="$.a")) == "$.a: is wrong"

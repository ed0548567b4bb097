"""Credentials that come from a command, renewed when they grow old, and header lines from a function of the user's."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.core.endpoint import Credentials, Endpoint, Signer, is_secret_header
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.core.exchange import Headers
from harness.io.clock import Clock

_PATIENCE = 30.0
"""Seconds that a command which prints a credential may take."""

_SignFunction = Callable[[str, str, dict[str, str], bytes], Mapping[str, str]]


def run_credential_command(command: tuple[str, ...], patience: float = _PATIENCE) -> str:
    """The first line that a command prints. Raises `UsageError` when it fails, prints nothing or takes too long.

    What it writes to its standard error is not shown: it may hold the secret.
    """
    name = command[0]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        raise UsageError(f"the credential command {name!r} did not end within {patience:g} s") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"the credential command {name!r} cannot be run: {error}") from None
    if done.returncode != 0:
        raise UsageError(f"the credential command {name!r} ended with status {done.returncode}; run it by hand to see")
    first = next(iter(done.stdout.decode("utf-8", "replace").splitlines()), "").strip()
    if not first:
        raise UsageError(f"the credential command {name!r} printed nothing; its first line is taken as the secret")
    return first


class CredentialRenewal:
    """Keeps the credential of a command fresh: asked for again when it is older than its `refresh` seconds."""

    def __init__(self, credentials: Credentials | None, clock: Clock) -> None:
        self._credentials = credentials if credentials and credentials.command else None
        self._clock = clock
        self._told = clock.now()
        self._lock = asyncio.Lock()

    async def fresh(self) -> None:
        """Renew the secret where it is held, if it is old. Raises `TransportError` (HARNESS) when that fails."""
        if self._credentials is None or not self._old():
            return
        async with self._lock:
            if self._old():
                try:
                    secret = await asyncio.to_thread(run_credential_command, self._credentials.command)
                except UsageError as error:
                    raise TransportError(ErrorClass.HARNESS, str(error)) from None
                self._credentials.secret.renew(secret)
                self._told = self._clock.now()

    def _old(self) -> bool:
        assert self._credentials is not None
        return self._clock.now() - self._told >= self._credentials.refresh


def load_signer(signer: Signer) -> _SignFunction:
    """The user's function. Raises `UsageError` for a file that cannot be imported or a function that is not there."""
    spec = importlib.util.spec_from_file_location(f"aiharness_signer_{Path(signer.file).stem}", signer.file)
    try:
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{signer.file} cannot be imported: {type(error).__name__}: {error}") from None
    found = getattr(module, signer.function, None)
    if not callable(found):
        raise UsageError(f"{signer.file} has no function {signer.function!r}")
    made: _SignFunction = found
    return made


def sign_request(
    sign: _SignFunction, endpoint: Endpoint, method: str, url: str, lines: Headers, body: bytes
) -> Headers:
    """The header lines that the user's function sets. Raises `TransportError` (HARNESS) when it breaks."""
    assert endpoint.signer is not None
    where = f"{endpoint.signer.file}:{endpoint.signer.function}"
    try:
        given = tuple((str(name), str(value)) for name, value in dict(sign(method, url, dict(lines), body)).items())
    except Exception as error:
        raise TransportError(ErrorClass.HARNESS, f"{where} raised {type(error).__name__}") from None
    for name, value in given:
        if is_secret_header(name):
            endpoint.signer.remember_line(value)
    return given

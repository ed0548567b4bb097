"""Credentials that a command prints, renewed when they are old, and header lines of a function that the user gives."""

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
        process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        raise UsageError(f"the credential command {name!r} did not end within {patience:g} s") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"the credential command {name!r} cannot be run: {error}") from None
    if process.returncode != 0:
        raise UsageError(
            f"the credential command {name!r} ended with status {process.returncode}; run it by hand to see why"
        )
    lines = process.stdout.decode("utf-8", "replace").splitlines()
    first_line = lines[0].strip() if lines else ""
    if not first_line:
        raise UsageError(f"the credential command {name!r} printed nothing; the first line of its output is the secret")
    return first_line


class CredentialRenewal:
    """Runs a credential's command again when the credential is older than its `refresh` seconds."""

    def __init__(self, credentials: Credentials | None, clock: Clock) -> None:
        self._credentials = credentials if credentials and credentials.command else None
        self._clock = clock
        self._renewed_at = clock.now()
        self._lock = asyncio.Lock()

    async def renew_if_old(self) -> None:
        """Renew an old secret in place. Raises `TransportError` (HARNESS) when that fails."""
        if self._credentials is None or not self._is_old():
            return
        async with self._lock:
            if self._is_old():
                try:
                    secret = await asyncio.to_thread(run_credential_command, self._credentials.command)
                except UsageError as error:
                    raise TransportError(ErrorClass.HARNESS, str(error)) from None
                self._credentials.secret.renew(secret)
                self._renewed_at = self._clock.now()

    def _is_old(self) -> bool:
        assert self._credentials is not None
        return self._clock.now() - self._renewed_at >= self._credentials.refresh


def load_signer(signer: Signer) -> _SignFunction:
    """Load the user's function. Raises `UsageError` for a file that cannot be imported or has no such function."""
    spec = importlib.util.spec_from_file_location(f"aiharness_signer_{Path(signer.file).stem}", signer.file)
    try:
        if spec is None or spec.loader is None:
            raise ImportError("not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{signer.file} cannot be imported: {type(error).__name__}: {error}") from None
    function: _SignFunction | None = getattr(module, signer.function, None)
    if not callable(function):
        raise UsageError(f"{signer.file} has no function {signer.function!r}")
    return function


def sign_request(
    sign: _SignFunction, endpoint: Endpoint, method: str, url: str, lines: Headers, body: bytes
) -> Headers:
    """The header lines that the user's function sets. Raises `TransportError` (HARNESS) when it raises."""
    assert endpoint.signer is not None
    try:
        headers = dict(sign(method, url, dict(lines), body))
        signature = tuple((str(name), str(value)) for name, value in headers.items())
    except Exception as error:
        where = f"{endpoint.signer.file}:{endpoint.signer.function}"
        raise TransportError(ErrorClass.HARNESS, f"{where} raised {type(error).__name__}") from None
    for name, value in signature:
        if is_secret_header(name):
            endpoint.signer.remember_line(value)
    return signature

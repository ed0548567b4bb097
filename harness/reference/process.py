"""One backend as a child process, which is always stopped in the end."""

from __future__ import annotations

import socket

from harness.reference.child import Child, StartError
from harness.reference.settings import ServiceSettings

__all__ = ["ReferenceProcess", "StartError"]

_KEY_VARIABLE = "AIHARNESS_REFERENCE_KEY"
# The matrices are small: threads that wait for one another make the training ten times slower.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class ReferenceProcess(Child):
    """A context manager around `python -m harness.reference` in a process group of its own, on a loopback port.

    `url` is its address once it is entered. With `listening`, a socket that listens already, it serves on that one:
    then its address is known, and connections wait, before it is ready. It is stopped on every way out: SIGTERM to the
    group, SIGKILL after 3 seconds; and it ends by itself when this process dies, whatever kills it. POSIX only.
    """

    def __init__(
        self,
        settings: ServiceSettings | None = None,
        *,
        port: int = 0,
        listening: socket.socket | None = None,
        deadline_s: float = 20.0,
    ) -> None:
        self.settings = settings if settings is not None else ServiceSettings()
        files = () if listening is None else (listening.fileno(),)
        super().__init__(
            "the reference service",
            "harness.reference",
            [*_list_arguments(self.settings, port), *(f"--listening={number}" for number in files)],
            environment={_KEY_VARIABLE: self.settings.api_key or "", **_ONE_THREAD},
            files=files,
            deadline_s=deadline_s,
        )

    def start(self) -> ReferenceProcess:
        """Start and wait until it is ready. Raises `StartError` when it ends or the deadline passes before that."""
        return self.launch().await_ready()


def _list_arguments(settings: ServiceSettings, port: int) -> list[str]:
    pairs: list[tuple[str, object]] = [
        ("--port", port),
        ("--seed", settings.seed),
        ("--latency-ms", settings.latency_ms),
        ("--token-ms", settings.token_ms),
        ("--max-body", settings.max_body),
        ("--max-depth", settings.max_depth),
        ("--max-rows", settings.max_rows),
        ("--body-timeout", settings.body_timeout_s),
        *(("--defect", name) for name in settings.defects),
        *(("--variant", name) for name in settings.variants),
    ]
    if settings.rate_limit is not None:
        pairs.append(("--rate-limit", settings.rate_limit))
    if settings.api_key is not None:
        pairs.append(("--api-key-env", _KEY_VARIABLE))
    return ["--stop-with-stdin", *(f"{option}={value}" for option, value in pairs)]

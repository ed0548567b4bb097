"""The credentials of the configuration: the secret is in a variable, in a file or in the output of a command.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.config.file import ConfigSource
from harness.config.sections import CredentialsSection
from harness.core.endpoint import Credentials, Secret
from harness.core.errors import UsageError
from harness.core.redaction import MIN_SECRET_LENGTH
from harness.io.credentials import run_credential_command


def read_credentials(
    section: CredentialsSection | None,
    environ: Mapping[str, str],
    config: ConfigSource,
    owner: Sequence[str] = ("endpoint",),
    name: str = "credentials",
) -> Credentials | None:
    """The credentials that the file names, else those of the environment. Raises `ConfigError` or `UsageError`.

    `owner` are the keys of the table that has them, `name` is their own.
    """
    keys = (*owner, name)
    if section is None:
        key = environ.get("AIHARNESS_API_KEY")
        return Credentials("bearer", Secret(key), source="AIHARNESS_API_KEY") if key else None
    if sum(map(bool, (section.env, section.file, section.command))) > 1:
        raise config.error("give only one of env, file and command", *keys)
    if section.file:
        path = Path(config.resolve_path(section.file) or "")
        try:
            secret, source = path.read_text("utf-8").strip(), str(path)
        except (OSError, ValueError) as error:  # a null byte in the path
            reason = error.strerror if isinstance(error, OSError) else "it is not a path to UTF-8 text"
            problem = f"{path} cannot be read ({reason}); give the file that holds the secret"
            raise config.error(problem, *keys, "file") from None
    elif section.command:
        with config.locate_errors(*keys, "command"):
            source = f"the command {section.command[0]!r}"
            secret = run_credential_command(tuple(section.command))
    else:
        source = section.env or "AIHARNESS_API_KEY"
        secret = environ.get(source, "")
        with config.locate_errors(*keys, "env"):
            _check_variable(section.env, secret)
    if not secret:
        raise config.error(f"{source} is empty or not set; put the secret there", *keys)
    header = section.header or ("X-API-Key" if section.scheme == "header" else "Authorization")
    return Credentials(
        section.scheme,
        Secret(secret),
        header=header,
        username=section.username,
        source=source,
        command=tuple(section.command),
        refresh=section.refresh,
    )


def _check_variable(name: str | None, secret: str) -> None:
    """Refuse what is not a variable's name, and a variable that is not set; the text may be the secret itself."""
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
        raise UsageError(
            "env must be the name of a variable that holds the secret; what is given is not a valid name. Write "
            'env = "MY_API_KEY" and export MY_API_KEY; a secret does not belong into this file'
        )
    if name and not secret and re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise UsageError(f"{name} is empty or not set; put the secret there: export {name}=…")
    if name and not secret:
        raise UsageError(
            "the variable that env names is empty or not set; put the secret there. If env holds the secret itself, "
            'take it out of the file and write the name of a variable: env = "MY_API_KEY"'
        )


def check_secret(credentials: Credentials) -> None:
    """Refuse, without showing it, a secret that no header can hold or that is too short to be recognised in outputs."""
    secret, source = credentials.secret.value, credentials.source
    if len(secret) < MIN_SECRET_LENGTH:
        raise UsageError(
            f"the credential from {source} has {len(secret)} characters: too short to be kept out of every output; "
            f"use one of at least {MIN_SECRET_LENGTH}"
        )
    if not _fits_in_header(secret, credentials.scheme):
        raise UsageError(
            f"the credential from {source} has characters that no header can hold, perhaps a line break at its end"
        )


def _fits_in_header(secret: str, scheme: str) -> bool:
    try:
        if scheme == "basic":
            return bool(secret.encode())
        return bool(secret.encode("ascii")) and secret.isprintable()
    except UnicodeEncodeError:
        return False

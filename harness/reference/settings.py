"""What can be set of the reference service."""

from __future__ import annotations

from dataclasses import dataclass, field

CHAT_MODEL = "tiny-chat"
DIGITS_MODEL = "digits"
EMBEDDING_MODEL = "tiny-embed"
VERSION = "1"
"""The version that the service announces, and with which every answer must be stamped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """One backend: what it serves, how slowly, for whom, and with which seeded defects.

    `api_key` None leaves it open; the keys of several callers have commas between them. `latency_ms` is added to every
    inference, `token_ms` passes before every token.
    `max_rows` bounds a batch, `max_body` a request body in bytes, `max_depth` its JSON nesting, `body_timeout_s` the
    seconds in which a body must have come. `rate_limit` inferences are admitted within any minute (None: no limit).
    With `prefix_cache` the usage of a chat states how many tokens of its prompt began an earlier one of this caller;
    each of the others takes `prompt_token_ms` to read.
    `defects` and `variants` are names of files in the repository's `detection/defects/` and `detection/variants/`.
    """

    api_key: str | None = field(default=None, repr=False)
    seed: int = 0
    latency_ms: float = 0.0
    token_ms: float = 1.0
    max_rows: int = 1024
    max_body: int = 8 * 1024 * 1024
    max_depth: int = 32
    body_timeout_s: float = 10.0
    rate_limit: int | None = None
    prefix_cache: bool = True
    prompt_token_ms: float = 0.0
    defects: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()

"""The command line as the configuration reads it.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The command line as it was given; None: not given. Names as the `--ai-…` options.

    `only_check` is the id of the one check that is judged, `extra_config` text of the configuration's form that wins
    over the file. `experiments` is a file whose experiments are run in place of those of the configuration, which it
    goes before; `yes` begins what disturbs a service without asking; `prove` shows that the checks can fail.
    `all_suites`: every suite where neither the command line nor the file names any. `stop_early`: where a blocker of
    smoke fails, the other suites are left out. `resume` is a run that was cut short, whose verdicts are taken over.
    """

    suites: tuple[str, ...] = ()
    endpoint: str | None = None
    protocol: str | None = None
    model: str | None = None
    config: str | None = None
    run_dir: str | None = None
    profile: str | None = None
    seed: int | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_time: float | None = None
    wait_ready: float | None = None
    reports: tuple[str, ...] = ()
    baseline: str | None = None
    inconclusive: str | None = None
    allow_partial: bool = False
    accept_first: bool = False
    all_suites: bool = False
    responsible: str | None = None
    stop_early: bool = False
    resume: str | None = None
    only_check: str | None = None
    extra_config: str | None = None
    experiments: str | None = None
    gameday: bool = False
    yes: bool = False
    prove: bool = False

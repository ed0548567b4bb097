"""Faults without a link in the configuration: those that clients make, and those of replicas."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import UsageError
from harness.core.settings import Settings

HERE = '[endpoint]\nurl = "http://127.0.0.1:9"\nprotocol = "openai_chat"\n'
REPLICA = '[platform.a]\npid = 77\nstart = ["start-it"]\nserves = 0.5\n'
GENTLE = ["abort_storm", "connection_churn", "half_open", "slow_reader", "slowloris"]


def read(tmp_path: Path, text: str, suites: tuple[str, ...] = ("chaos",), *, yes: bool = False) -> Settings:
    (tmp_path / "aiharness.toml").write_text(text)
    return resolve_settings(Options(suites=suites, yes=yes), {}, [tmp_path])


def names(settings: Settings) -> list[str]:
    return [plan.name for plan in settings.experiments]


def test_with_nothing_but_a_url_the_gentle_ones_run_where_the_suite_is_named(tmp_path: Path) -> None:
    assert names(read(tmp_path, HERE)) == GENTLE
    assert names(read(tmp_path, HERE, ("all",))) == []
    assert names(read(tmp_path, HERE, ("smoke",))) == []
    away = HERE.replace("127.0.0.1", "model.test")
    assert names(read(tmp_path, away)) == []
    assert names(read(tmp_path, f'{away}[targets]\nallow = ["model.test"]\n')) == GENTLE
    every = names(read(tmp_path, HERE, yes=True))
    assert set(every) == {*GENTLE, "overload", "noisy_neighbour", "retry_storm", "oversized_requests"}


def test_configured_ones_run_alone(tmp_path: Path) -> None:
    settings = read(tmp_path, f'{HERE}[[fault]]\nkind = "overload"\nattributes = {{ factor = 5 }}\n', yes=True)
    (plan,) = settings.experiments
    assert (plan.name, plan.links, plan.faults[0].place) == ("overload", (), "the endpoint")
    assert plan.faults[0].attributes == {"factor": 5}
    assert "clients" not in settings.grounds(), "overload may keep the service from others"
    assert "clients" in read(tmp_path, HERE).grounds()


def test_a_replica_in_a_timeline(tmp_path: Path) -> None:
    text = f"""{HERE}{REPLICA}
[[experiment]]
name = "both"
[[experiment.fault]]
kind = "kill"
platform = "a"
[[experiment.fault]]
kind = "slowloris"
at = 2
"""
    settings = read(tmp_path, text)
    (plan,) = settings.experiments
    assert [(fault.name, fault.place, fault.at) for fault in plan.faults] == [
        ("kill on a", "platform a", 0.0),
        ("slowloris", "the endpoint", 2.0),
    ]
    (replica,) = settings.platform
    assert (replica.name, replica.pid, replica.serves, replica.commands) == ("a", 77, 0.5, {"start": ("start-it",)})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[fault]]\nkind = "slowloris"\nlink = "x"\n', "on no link: leave link out"),
        ('[[fault]]\nkind = "slowloris"\ntoxicity = 0.5\n', "strikes no share of connections"),
        ('[[fault]]\nkind = "slowloris"\nplatform = "a"\n', "leave platform out"),
        ('[[fault]]\nkind = "slowloris"\nattributes = { connections = 201 }\n', "from 1 to 200"),
        ('[[fault]]\nkind = "latency"\n', r"acts on a link: write \[links.NAME\]"),
        ('[[fault]]\nkind = "kill"\n', r"acts on a replica: write \[platform.NAME\]"),
        ('[[fault]]\nkind = "kill"\nplatform = "b"\n', "unknown replica 'b'"),
        ('[[fault]]\nkind = "kill"\nplatform = "a"\nlink = "x"\n', "leave link out"),
        ('[[fault]]\nkind = "drain"\nplatform = "a"\n', "says not how to drain"),
        ('[platform.c]\npid = 5\n[[fault]]\nkind = "kill"\nplatform = "c"\n', "says not how to undo kill: write start"),
        ("[platform.c]\npid = 0\n", "pid"),
        ('[platform.c]\npid = 5\npid_file = "x"\n', "either pid or pid_file"),
        ("[platform.c]\nserves = 1.5\n", "from 0 to 1"),
        ('[platform.c]\nkill = "rm -rf x"\n', "kill"),
        ('[platform.c]\nkill = [""]\n', "must be a command"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read(tmp_path, f"{HERE}{REPLICA}{text}")

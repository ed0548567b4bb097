"""Experiments in the configuration: what is planned, and one clear line for every wrong value."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.options import Options
from harness.core.errors import ConfigError
from harness.core.experiment import ExperimentPlan, FaultRamp
from tests.config.test_resolve import URL, read

LINKS = "".join(f'[links.{name}]\napi = "http://127.0.0.1:8474"\n' for name in ("a", "b"))
HEAD = f'[endpoint]\nurl = "{URL}"\n{LINKS}[[experiment]]\nname = "both gone"\n'
OUTAGE = '[[experiment.fault]]\nlinks = ["a", "b"]\nkind = "down"\nat = 2\nduration = 6\n'
SLOW = '[[experiment.fault]]\nlink = "a"\nkind = "latency"\nattributes = { latency = 100 }\nduration = 4\n'

CHAOS = Options(suites=("chaos",))


def read_plans(folder: Path, text: str) -> tuple[ExperimentPlan, ...]:
    return read(folder, text, CHAOS).experiments


def test_a_total_outage_of_two_upstreams_is_written_as_one_fault(tmp_path: Path) -> None:
    keys = 'hypothesis = "users see an honest error"\nrate = 7\nstop = ["error_rate > 50 % for 5s"]\nseed = 4\n'
    (plan,) = read_plans(tmp_path, HEAD + keys + SLOW + OUTAGE)
    assert [(f.name, f.link, f.at, f.end) for f in plan.faults] == [
        ("latency on a", "a", 0.0, 4.0),
        ("down on a", "a", 2.0, 8.0),
        ("down on b", "b", 2.0, 8.0),
    ]
    assert (plan.chaos.rate, plan.chaos.baseline, plan.duration, plan.seed) == (7.0, 5.0, 8.0, 4)
    assert (plan.hypothesis, [stop.text for stop in plan.stop]) == (
        "users see an honest error",
        ["error_rate > 50 % for 5s"],
    )


def test_a_fault_is_an_experiment_of_one_and_both_forms_are_run(tmp_path: Path) -> None:
    short = '[[fault]]\nlink = "b"\nkind = "down"\n[chaos]\nrate = 3\n'
    first, second = read_plans(tmp_path, HEAD + OUTAGE + short)
    assert (first.name, [f.name for f in first.faults], first.chaos.rate) == ("down on b", ["down on b"], 3.0)
    assert (second.name, second.chaos.rate) == ("both gone", 3.0)


def test_faults_of_one_kind_on_one_link_get_names_of_their_own(tmp_path: Path) -> None:
    (plan,) = read_plans(tmp_path, HEAD + SLOW + SLOW + OUTAGE.replace("at = 2", "at = 9") + OUTAGE)
    names = [fault.name for fault in plan.faults]
    assert len(set(names)) == 6
    assert "latency on a 2" in names


def test_a_fault_may_grow(tmp_path: Path) -> None:
    ramp = "ramp = { steps = 3, attributes = { latency = 900 }, toxicity = 0.5 }\ntoxicity = 0.1\n"
    (plan,) = read_plans(tmp_path, HEAD + SLOW + ramp)
    assert plan.faults[0].ramp == FaultRamp(3, {"latency": 900}, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":7: experiment\[0\]: fault is missing"),
        ("fault = []", r"from 1 to 100 faults.*got 0"),
        (OUTAGE.replace("6", "1e308"), r":13: experiment\[0\]\.fault\[0\]\.duration: must be at most 100,000,000 s"),
        (OUTAGE.replace("6", "inf"), r"duration: must be finite"),
        (OUTAGE.replace("6", "90_000"), r"lasts 9.002e\+04 s, and at most 86,400 s are allowed"),
        (OUTAGE.replace("at = 2", "at = 1e308"), r"\.at: must be at most"),
        (OUTAGE.replace("at = 2", "at = -1"), r":12: .*\.at: must be from 0 to 86,400 seconds"),
        (OUTAGE.replace("at = 2", "at = nan"), r"\.at: must be from 0"),
        (OUTAGE.replace("at = 2", "att = 2"), r"unknown key 'att'.*Did you mean 'at'"),
        (OUTAGE.replace('"b"]', '"c"]'), r":10: .*\.links: unknown link 'c'"),
        (OUTAGE.replace("down", "dwn"), r":11: .*\.kind: unknown fault 'dwn'.*Did you mean 'down'"),
        (OUTAGE.replace('links = ["a", "b"]', ""), r"give either link = "),
        (OUTAGE + 'link = "a"', r"give either link = "),
        (OUTAGE + OUTAGE, r":17: .*link 'a' is down already from 2 s to 8 s"),
        (SLOW + "ramp = { steps = 5 }", r"\.ramp: changes nothing"),
        (SLOW + "ramp = { attributes = { latncy = 5 } }", r"unknown attribute of latency 'latncy'"),
        (SLOW + "ramp = { attributes = { latency = -5 } }", r"latency must be a whole number"),
        (SLOW + "ramp = { toxicity = 2 }", r"\.ramp\.toxicity: must be over 0 and at most 1"),
        (SLOW + "ramp = { toxicity = 1, steps = 100_000 }", r"must be at most 1,000"),
        (SLOW + "[experiment.fault.ramp]\ntoxicty = 1", r":15: .*unknown key 'toxicty'"),
        (OUTAGE + "ramp = { toxicity = 1 }", r"down cannot grow"),
        ("blast_radius = 0.3\n" + SLOW + "toxicity = 0.4", r"strikes 0.4 of the connections, more than .* of 0.3"),
        ("blast_radius = 0.3\n" + SLOW + "toxicity = 0.2\nramp = { toxicity = 0.5 }", r"strikes 0.5 of"),
        ("blast_radius = 0.3\n" + OUTAGE, r"strikes 1 of the connections"),
        ("blast_radius = 1.5\n" + OUTAGE, r"blast_radius: must be over 0 and at most 1"),
        ("blast_radius = nan\n" + OUTAGE, r"blast_radius: must be over 0"),
        ("seed = -1\n" + OUTAGE, r"seed: must be 0 or more"),
        ('stop = "error_rate > 50 % for 5s"\n' + OUTAGE, r"stop: must be a list"),
        ('stop = ["errors > 50 % for 5s"]\n' + OUTAGE, r":9: .*unknown metric of a stop condition 'errors'"),
        ("rate = 1e6\n" + OUTAGE, r"over 1,000,000 requests"),
        ('nmae = "x"\n' + OUTAGE, r"unknown key 'nmae'.*Did you mean 'name'"),
        (OUTAGE + '[[experiment]]\nname = "both gone"\n' + OUTAGE, r"another experiment has the name"),
    ],
)
def test_every_wrong_value_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        read_plans(tmp_path, HEAD + text)
    assert "\n" not in str(raised.value)


def test_one_table_in_place_of_a_list_is_told_apart(tmp_path: Path) -> None:
    for text, words in (
        ('[experiment]\nname = "x"', "[[experiment]], with two pairs of brackets"),
        ('[[experiments]]\nname = "x"', "Did you mean 'experiment'? Write [[experiment]] above each"),
        ('[[experiment]]\nname = "x"\n[experiment.fault]\nlink = "a"', "[[experiment.fault]], with two pairs"),
    ):
        with pytest.raises(ConfigError, match=re.escape(words)):
            read_plans(tmp_path, LINKS + text)


STATUS = '[[fault]]\nlink = "a"\nkind = "answer_status"\nattributes = { status = 429 }\n'


def test_conditions_on_requests_become_attributes(tmp_path: Path) -> None:
    where = '[fault.where]\nmethod = "POST"\npath = "/v1/*/completions"\nheader = "x-a: b*"\nbody = "stream: true"\n'
    (plan,) = read_plans(tmp_path, HEAD.partition("[[exp")[0] + STATUS + where)
    attributes = plan.faults[0].attributes
    assert (attributes["status"], attributes["method"]) == (429, "POST")
    assert (attributes["path"], attributes["header"]) == ("/v1/*/completions", "x-a: b*")
    assert attributes["body"] == "stream: true"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STATUS + 'where = { header = "a b" }', r"attribute header must be like 'x-tenant' or"),
        (STATUS + 'where = { paht = "/v1" }', r"paht"),
        (STATUS.replace("answer_status", "latency").replace("status = 429", "latency = 5") + 'where = { path = "/v1" }',
         r"fault\[0\].where: latency strikes connections; only faults that strike single requests"),
        (STATUS.replace("answer_status", "grpc_cut").replace("status = 429", "") + 'where = { body = "a" }',
         r"cannot be compared with a gRPC message"),
    ],
)  # fmt: skip
def test_conditions_that_cannot_be_met_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_plans(tmp_path, HEAD.partition("[[exp")[0] + text)


OWN = '[[experiment.objective]]\nmetric = "error_rate"\nlimit = "<= 30%"\n'


def test_an_experiment_has_objectives_of_its_own_during_and_after(tmp_path: Path) -> None:
    suite = '[[objective]]\nsuite = "chaos"\nmetric = "error_rate"\nlimit = "<= 5%"\n'
    after = OWN.replace("30%", "10%") + 'phase = "after"\n'
    plan = read_plans(tmp_path, suite + HEAD + OUTAGE + OWN + after)[0]
    assert [(own.text, own.slug) for own in plan.objectives] == [
        ("error_rate <= 30 %", "error_rate"),
        ("error_rate after the lift <= 10 %", "error_rate-after"),
    ]
    of_suite = read(tmp_path, suite + HEAD + OUTAGE + OWN, CHAOS).objectives
    assert [own.limit for own in plan.join_objectives(of_suite)] == [0.3, 0.1], "it replaces that of its name"
    assert [own.limit for own in replace(plan, objectives=()).join_objectives(of_suite)] == [0.05]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN + OWN, "another objective has the name 'error_rate'"),
        (OWN.replace("error_rate", "recovery").replace("30%", "3s") + 'phase = "after"', "leave the phase out"),
        (OWN + 'phase = "before"', "phase"),
        (OWN.replace("error_rate", "ttft"), "metric 'ttft' cannot be judged"),
        (OWN + 'suite = "chaos"', "unknown key 'suite'"),
    ],
)
def test_a_wrong_objective_of_an_experiment_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_plans(tmp_path, HEAD + OUTAGE + text)


def test_a_pulse_is_asked_for(tmp_path: Path) -> None:
    assert read_plans(tmp_path, HEAD + "metastability = true\n" + OUTAGE)[0].metastability
    assert not read_plans(tmp_path, HEAD + OUTAGE)[0].metastability

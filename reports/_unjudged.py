"""What the plan left out, by what is missing, with the lines of aiharness.toml that would let it be judged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.settings import GROUNDS
from harness.core.visible_text import fold_line

_PROMISE = re.compile(r"\[promises\] (\w+) is not set")
_OBJECTIVE = re.compile(r"no \[\[objective\]\] is configured for (\w+)")
_KEYS = re.compile(r"\[(\w+)\] (\w+(?: and \w+)*)\)")
_SECTION = re.compile(r"(\[\w+\]) is not configured")
_INSTALLED = re.compile(r"pip install \S+")
_TIMES = ("latency", "ttft", "inter_token")
_WHOLE = {
    GROUNDS["credentials"]: '[endpoint]\ncredentials = { env = "MY_API_KEY" }',
    GROUNDS["https"]: '[endpoint]\nurl = "https://models.example.org"',
    GROUNDS["this_machine"]: '[endpoint]\nurl = "http://127.0.0.1:8000"',
    GROUNDS["soak"]: '[load]\nscenario = "soak"\nrate = 10\nduration = 3600',
    GROUNDS["experiments"]: '[links.front]\napi = "http://127.0.0.1:8474"\nlisten = "127.0.0.1:8475"\n'
    'upstream = "127.0.0.1:8000"\n[[fault]]\nname = "slow front"\nlink = "front"\nkind = "latency"\n'
    "attributes = { latency = 500 }",
    GROUNDS["clients"]: '[[fault]]\nkind = "slowloris"\nduration = 5',
    GROUNDS["aborts"]: '[[fault]]\nkind = "abort_storm"\nduration = 5',
    GROUNDS["waits"]: '[[fault]]\nlink = "front"\nkind = "answer_status"\n'
    "attributes = { status = 429, retry_after = 2 }",
    GROUNDS["overloads"]: '[[fault]]\nkind = "overload"\nduration = 5',
    GROUNDS["pulses"]: '[[experiment]]\nname = "a pulse"\nmetastability = true\n[[experiment.fault]]\n'
    'kind = "overload"\nduration = 5',
    GROUNDS["evaluation"]: '[evaluation]\nfile = "prompts.jsonl"',
    GROUNDS["logprobs_asked"]: "[evaluation]\noptions = { logprobs = true }",
    GROUNDS["other_caller"]: '[endpoint.other_credentials]\nenv = "OTHER_API_KEY"',
    GROUNDS["drift"]: '[drift]\nreference = "training.csv"',
    GROUNDS["reference"]: '[reference]\nfile = "model.py:make"',
    GROUNDS["quantised"]: '[reference]\nfile = "model.py:make"\nquantise = "int8"',
    GROUNDS["relations"]: '[[relation]]\nkind = "invariance"\nchange = "case"',
    GROUNDS["restarts"]: '[platform.backend-a]\npid_file = "/run/backend-a.pid"\nstart = ["systemctl", "start", "a"]\n'
    '[[fault]]\nkind = "stop"\nplatform = "backend-a"\nduration = 20',
}
"""The lines for grounds whose sentence names no key."""

_VALUES = {
    "expect": "0",
    "model": '"NAME"',
    "version": '"1"',
    "url": '"http://127.0.0.1:8001"',
    "slices": '["region"]',
    "file": '"labelled.csv"',
    "evaluation.file": '"prompts.jsonl"',
    "time": '"recorded"',
    "golden": '"golden.jsonl"',
    "labelled": "true",
    "training": '"train.csv"',
    "changed_limit": "0.05",
    "replicas": '["http://127.0.0.1:8001"]',
    "eps": "0.1",
    "rate": "10",
    "duration": "60",
    "attacks": '["square", "rays"]',
    "extraction": "1000",
    "corpus": '"findings.jsonl"',
    "latency_ceiling": "10",
    "certificate_days": "7",
    "dimension": "384",
    "reasoning": '"off"',
    "output_limit": "1024",
    "request_id": '"x-request-id"',
    "idempotency": '"idempotency-key"',
    "rate_limit": "60",
    "idle": "60",
    "target_rate": "20",
    "unprovoked_failures": "0.01",
    "refuses": '["missing_field"]',
    "open_pages": '["/metrics"]',
}
"""An example of the value of each key; a promise without one is `true`."""


@dataclass(frozen=True, slots=True)
class UnjudgedGroup:
    """Checks that one thing keeps from being judged: why, their titles, the lines that would judge them (or empty)."""

    why: str
    titles: tuple[str, ...]
    lines: str

    @property
    def section(self) -> str:
        """The line of the configuration that would judge them, without its keys; an option, or `other`."""
        if self.lines:
            return self.lines.partition("\n")[0]
        return "--ai-baseline" if "--ai-baseline" in self.why else "other"


def group_unjudged(sentences: Iterable[str]) -> list[UnjudgedGroup]:
    """The plan's sentences (`TITLE: WHY`) by reason, in the order of the first of each; promises are one group."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for sentence in sentences:
        title, colon, why = sentence.partition(": ")
        if not colon:
            title, why = sentence, "needs something that is not configured"
        key = "[promises]" if _PROMISE.fullmatch(why) else why
        groups.setdefault(key, []).append((title, why))
    return [_describe_group(pairs) for pairs in groups.values()]


def gather_sections(groups: Iterable[UnjudgedGroup]) -> list[tuple[str, list[UnjudgedGroup]]]:
    """The groups by section of the configuration, the section that would judge most checks first."""
    sections: dict[str, list[UnjudgedGroup]] = {}
    for group in groups:
        sections.setdefault(group.section, []).append(group)
    return sorted(sections.items(), key=lambda item: -sum(len(group.titles) for group in item[1]))


def _describe_group(pairs: list[tuple[str, str]]) -> UnjudgedGroup:
    why = pairs[0][1]
    titles = tuple(fold_line(title, 200) for title, _ in pairs)
    if _PROMISE.fullmatch(why):
        names = list(dict.fromkeys(why.split()[1] for _, why in pairs))
        lines = "\n".join(["[promises]", *(f"{name} = {_VALUES.get(name, 'true')}" for name in names)])
        return UnjudgedGroup("your service's promises are not set", titles, lines)
    if objective := _OBJECTIVE.search(why):
        return UnjudgedGroup(fold_line(why, 300), titles, _write_objective(titles[0], objective[1]))
    return UnjudgedGroup(fold_line(why, 300), titles, _write_lines(why))


def _write_objective(suite: str, metric: str) -> str:
    """An example of an objective for the first metric that the suite can judge."""
    bound = ">= 90%"
    if metric in _TIMES:
        metric, bound = f"{metric} p95", "<= 800ms"
    elif "error" in metric:
        bound = "<= 1%"
    return f'[[objective]]\nsuite = "{suite}"\nmetric = "{metric}"\nlimit = "{bound}"'


def _write_lines(why: str) -> str:
    """The lines for every part of a reason; empty where nothing that is configured would change it."""
    lines: list[str] = []
    for part in why.split("; "):
        keys = _KEYS.search(part)
        promise = _PROMISE.fullmatch(part)
        section = _SECTION.fullmatch(part)
        command = _INSTALLED.search(part)
        if part in _WHOLE:
            lines.append(_WHOLE[part])
        elif promise:
            lines.append(f"[promises]\n{promise[1]} = {_VALUES.get(promise[1], 'true')}")
        elif keys:
            lines.append(_write_keys(keys[1], keys[2].split(" and ")))
        elif section:
            lines.append(section[1])
        elif command:
            lines.append(command[0])
    return "\n".join(dict.fromkeys(lines))


def _write_keys(section: str, keys: Iterable[str]) -> str:
    values = [f"{key} = {_VALUES.get(f'{section}.{key}', _VALUES.get(key, '…'))}" for key in keys]
    return "\n".join([f"[{section}]", *values])

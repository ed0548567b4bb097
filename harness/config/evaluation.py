"""`[evaluation]` and `[judge]`: read the items, check that each can be graded, and name the endpoints that help.

Tested in tests/config/test_evaluation_config.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.config.credentials import check_secret, read_credentials
from harness.config.endpoint import check_options, check_prefix
from harness.config.file import ConfigSource
from harness.config.sections import EvaluationSection, HelperSection, JudgeSection, ObjectiveSection
from harness.core.endpoint import Endpoint
from harness.core.errors import ConfigError
from harness.core.evaluation import (
    NO_GRADER,
    EvaluationItem,
    EvaluationSettings,
    GradingRules,
    JudgeSettings,
    LabelledAnswer,
    load_grader,
)
from harness.core.metric import (
    EMPTY_RATE,
    EVALUATION_METRICS,
    GRADED_METRICS,
    JUDGED_ACCURACY,
    LOOP_RATE,
    UNFINISHED_RATE,
    WRONG_SCRIPT_RATE,
)
from harness.core.registry import list_plugins
from harness.core.url_parsing import parse_url
from harness.io.evaluation_file import count_repeated_items, read_items, read_labelled_answers, read_peer_results

DEFAULT_TEMPLATE = """You grade the answer of an AI service.

Question:
{{prompt}}

{{material}}

Is the answer right? Reply with one word: {{choices}}."""
"""What a judge is asked; `{{material}}` is the reference, where there is one, and the answer."""


def read_evaluation(
    section: EvaluationSection,
    judge: JudgeSection | None,
    objectives: Sequence[ObjectiveSection],
    suites: tuple[str, ...],
    environ: Mapping[str, str],
    source: ConfigSource,
) -> EvaluationSettings | None:
    """The items and how they are graded, where the validation suite is wanted. Raises `ConfigError`."""
    if "validation" not in suites:
        return None
    _check_objectives(section, judge, objectives, source)
    if not (section.file or section.results):
        if judge is not None:
            raise source.error('needs prompts: give [evaluation] file = "FILE.jsonl"', "judge")
        return None
    if section.file and section.results:
        raise source.error("give file or results, not both", "evaluation", "results")
    _check_numbers(section, source)
    settings = _read_source(section, source)
    embeddings = _read_helper(section.embeddings, environ, source, "evaluation", "embeddings")
    settings = replace(
        settings,
        embeddings=embeddings,
        judge=_read_judge(judge, environ, source),
        options=check_options(section.options, source, "evaluation", "options"),
    )
    _check_items(settings.items, settings, source)
    return settings


_OF_TEXT = frozenset(
    metric.name
    for metric in (*GRADED_METRICS, JUDGED_ACCURACY, LOOP_RATE, EMPTY_RATE, WRONG_SCRIPT_RATE, UNFINISHED_RATE)
)
"""What recorded answers show, of which only the text and whether they are right is known."""


def _check_objectives(
    section: EvaluationSection, judge: JudgeSection | None, objectives: Sequence[ObjectiveSection], source: ConfigSource
) -> None:
    """Refuse objectives on an evaluation that nothing could decide."""
    names = {metric.name for metric in EVALUATION_METRICS}
    for place, objective in enumerate(objectives):
        name, problem = objective.metric.strip(), ""
        if objective.suite != "validation" or name not in names:
            continue
        if not (section.file or section.results):
            problem = f'{name} needs prompts: give [evaluation] file = "FILE.jsonl"'
        elif name == JUDGED_ACCURACY.name and judge is None:
            problem = f"{name} needs a judge: give [judge] url and model"
        elif section.results and name not in _OF_TEXT:
            problem = f"{name} cannot be judged of results: give [evaluation] file, so that the endpoint is asked"
        elif objective.slice is not None:
            raise source.error(f"{name} takes no slice: leave it out", "objective", place, "slice")
        if problem:
            raise source.error(problem, "objective", place, "metric")


def _check_numbers(section: EvaluationSection, source: ConfigSource) -> None:
    if section.k is not None and section.k > section.repeats and not section.results:
        problem = f"must be at most repeats, which is {section.repeats}: k of them are drawn, got {section.k}"
        raise source.error(problem, "evaluation", "k")


def _read_source(section: EvaluationSection, source: ConfigSource) -> EvaluationSettings:
    source.check_known("grader", section.grader, list_plugins("graders"), "evaluation", "grader")
    rules = GradingRules(section.tolerance, section.relative_tolerance, section.threshold, section.function)
    common: dict[str, Any] = {"claims": section.claims, "rules": rules, "margin": section.margin}
    if section.results:
        path = source.find_file(section.results, "evaluation", "results")
        with source.locate_errors("evaluation", "results"):
            items, digest, peer = read_peer_results(path, section.format)
        repeats = min(len(item.answers) for item in items)
        if section.k is not None and section.k > repeats:
            problem = f"must be at most {repeats}, the fewest answers to one prompt in {path}, got {section.k}"
            raise source.error(problem, "evaluation", "k")
        return EvaluationSettings(
            items, path.name, digest, repeats=repeats, k=section.k or repeats, recorded_by=peer, **common
        )
    path = source.find_file(section.file or "", "evaluation", "file")
    with source.locate_errors("evaluation", "file"):
        items, digest = read_items(path, section.prompt, section.reference, section.grader)
    distinct, repeated = count_repeated_items(items, str(path))
    return EvaluationSettings(
        distinct,
        path.name,
        digest,
        repeats=section.repeats,
        k=section.k or section.repeats,
        repeated=repeated,
        **common,
    )


def _check_items(items: Sequence[EvaluationItem], settings: EvaluationSettings, source: ConfigSource) -> None:
    """Refuse a reference with which the grader could call no answer right, or would call every answer right."""
    for item in items:
        if item.answers or item.grader == NO_GRADER:
            continue
        source.check_known("grader", item.grader, (*list_plugins("graders"), NO_GRADER), "evaluation", "grader")
        problem = load_grader(item.grader).find_problem(item.reference, settings.rules)
        if item.grader == "embedding" and settings.embeddings is None:
            problem = "the grader embedding needs an endpoint: give [evaluation.embeddings] url and model"
        if problem:
            raise ConfigError(problem, where=f"{settings.source}: {item.id}", key="reference")


def _read_helper(
    section: HelperSection | None, environ: Mapping[str, str], source: ConfigSource, *keys: str
) -> Endpoint | None:
    """A further endpoint that the user names; its secret never is that of the endpoint under test."""
    if section is None:
        return None
    source.check_known("protocol", section.protocol, list_plugins("protocols"), *keys, "protocol")
    with source.locate_errors(*keys, "url"):
        url, inline = parse_url(section.url, "the URL")
    credentials = inline
    if section.credentials is not None:
        if not (section.credentials.env or section.credentials.file or section.credentials.command):
            problem = "name its own secret with env, file or command; it never gets that of the endpoint"
            raise source.error(problem, *keys, "credentials")
        credentials = read_credentials(section.credentials, environ, source, keys)
    if credentials is not None:
        check_secret(credentials)
    return Endpoint(
        url=url,
        protocol=section.protocol,
        model=section.model,
        credentials=credentials,
        options=check_options(section.options, source, *keys, "options"),
        prefix=check_prefix(section.prefix, source, *keys),
    )


def _read_judge(section: JudgeSection | None, environ: Mapping[str, str], source: ConfigSource) -> JudgeSettings | None:
    endpoint = _read_helper(section, environ, source, "judge")
    if section is None or endpoint is None:
        return None
    template = section.template or DEFAULT_TEMPLATE
    for mark in ("{{prompt}}", "{{choices}}"):
        if mark not in template:
            raise source.error(f"must contain {mark}", "judge", "template")
    if "{{answer}}" not in template and "{{material}}" not in template:
        raise source.error("must contain {{answer}}, or {{material}} for reference and answer", "judge", "template")
    labelled: tuple[LabelledAnswer, ...] = ()
    if section.labelled:
        path = source.find_file(section.labelled, "judge", "labelled")
        with source.locate_errors("judge", "labelled"):
            labelled = read_labelled_answers(path)
    if section.repeats < 2:
        raise source.error("must be at least 2, to see whether the judge agrees with itself", "judge", "repeats")
    return JudgeSettings(endpoint, template, labelled, section.repeats, section.swaps)

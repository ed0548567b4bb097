"""`aiharness rerun RUN CHECK`: judge one check of a run again, from any folder.

The configuration and the endpoint are those of the run; secrets come from the environment again.
"""

from __future__ import annotations

import difflib
import os
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from harness.commands.command import Command
from harness.commands.gate import run_pytest
from harness.core.errors import UsageError
from harness.core.plan import WHOLE_RUN, Plan, PlannedCheck
from harness.io.run_search import find_run
from harness.io.rundir import CONFIG_COPY, EXPERIMENTS_COPY, PLAN, RerunRecord, read_record, read_run
from harness.run.report_files import change_folder


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_", metavar="RUN", help="a run directory, or the name of one in .aiharness/runs")
    parser.add_argument("check", metavar="CHECK", help="the id of a check of that run, or a unique end of it")


def _run(run_: str, check: str, rest: Sequence[str]) -> int:
    """Judge the check again in a run of its own; exit status 0 where it holds, else the decision's."""
    folder = find_run(run_)
    record = read_record(folder)
    planned = choose_check(read_run(folder).plan or Plan((), ()), check)
    if record.had_credentials and not any(option.startswith("--ai-endpoint") for option in rest):
        raise UsageError(
            f"the URL of that run held credentials, which are not kept: add --ai-endpoint with them ({record.endpoint})"
        )
    arguments = make_arguments(folder, record, planned)
    if record.endpoint is None:
        os.environ.pop("AIHARNESS_ENDPOINT", None)  # the run took the URL of its file
    started = folder / record.folder
    if started.is_dir():
        change_folder(started)
    print(f"again: {planned.id} of {folder.name}: {planned.title}", flush=True)
    return run_pytest([*arguments, *rest], "rerun", ("--help",))


def choose_check(plan: Plan, wanted: str) -> PlannedCheck:
    """The planned check of this id, or the only one whose id ends so. Raises `UsageError` that lists the nearest."""
    ids = {check.id: check for check in plan.checks}
    ends = [id_ for id_ in ids if id_.endswith(wanted)] if wanted else []
    if wanted in ids:
        ends = [wanted]
    if len(ends) > 1:
        raise UsageError(f"{len(ends)} checks of that run end in {wanted!r}; give more of one: {', '.join(ends[:8])}")
    if not ends:
        raise UsageError(_describe_near(wanted, list(map(_cut_module, ids))))
    if ends[0].startswith(WHOLE_RUN):
        raise UsageError(f"{ends[0]} judges all requests of a run: run the whole gate again")
    return ids[ends[0]]


def _describe_near(wanted: str, names: Sequence[str]) -> str:
    """That no check has this name, with those whose names differ by little, whatever all of them begin with."""
    cut = {name.removeprefix("test_"): name for name in names}
    near = difflib.get_close_matches(_cut_module(wanted).removeprefix("test_"), cut, n=3)
    if near:
        return f"no check of that run ends in {wanted!r}. Did you mean {' or '.join(repr(cut[name]) for name in near)}?"
    return f"no check of that run ends in {wanted!r}: its {len(names)} checks are in {PLAN} of the run's folder"


def _cut_module(id_: str) -> str:
    """`test_b[c::d]` of `test_a.py::TestX::test_b[c::d]`."""
    test, bracket, case = id_.partition("[")
    return test.rpartition("::")[2] + bracket + case


def make_arguments(folder: Path, record: RerunRecord, planned: PlannedCheck) -> list[str]:
    """The arguments of pytest that judge this check alone, as the run did."""
    arguments = [f"--ai-suite={','.join(record.suites)}", f"--ai-only-check={planned.id}"]
    for name, value in record.options.items():
        option = f"--ai-{name.replace('_', '-')}"
        arguments.append(option if value is True else f"{option}={value}")
    if record.endpoint:
        arguments.append(f"--ai-endpoint={record.endpoint}")
    if record.config:
        arguments.append(f"--ai-config={choose_file(folder, CONFIG_COPY, record.config)}")
    if record.experiments:
        arguments.append(f"--ai-experiments={choose_file(folder, EXPERIMENTS_COPY, record.experiments)}")
    root = (folder / record.root).resolve()
    if planned.kind != "user":
        return [*arguments, "--ai-only-packaged"]
    return [*arguments, f"--rootdir={root}", str(root / planned.id.partition("::")[0])]


def choose_file(folder: Path, kept: str, name: str) -> Path:
    """A file of the run's configuration: its copy where the original was changed since, or is gone."""
    original = (folder / name).resolve()
    copy = folder / kept / original.name
    data = copy.read_bytes()
    if original.is_file() and (original.read_bytes() == data or b"***" in data):
        return original  # a copy without its secrets could not be used
    print(f"{original.name} was changed since: {copy}, the copy of that run, is used", flush=True)
    return copy


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)

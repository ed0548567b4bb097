"""Collect the packaged suites: `Suite` collectors are added to the Session's own collect report.

So the user's rootdir, ini file, `python_files`, ids and cache stay as they are, and packaged ids are the same on every
machine: `ai-suite/smoke/test_health.py::test_live`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.core.check_spec import list_axes
from harness.core.registry import describe_unknown, list_plugins
from harness.run.gate_run import GateRun
from harness.suite import ROOT, find_spec, list_modules


class SuiteModule(pytest.Module):
    """One module of a packaged suite; the user's naming patterns and import mode do not apply to it."""

    modname: str
    run: GateRun

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The planned checks; what is not planned is listed as not judged, and is no item of pytest's."""
        for item in super().collect():
            if not self.run.started or item.nodeid in self.run.checks:
                yield item

    def _getobj(self) -> Any:
        return importlib.import_module(self.modname)

    def funcnamefilter(self, name: str) -> bool:
        """Packaged checks are functions named `test…`, whatever `python_functions` says."""
        return name.startswith("test")

    def classnamefilter(self, name: str) -> bool:
        """Packaged suites hold functions only."""
        return False


class _Suite(pytest.Collector):
    """One packaged suite; its node id is `ai-suite/NAME`."""

    run: GateRun

    def collect(self) -> Iterable[SuiteModule]:
        """The suite's modules, in order of their names."""
        for module_name, stem in list_modules(self.name):
            module = importlib.import_module(module_name)
            nodeid = f"{ROOT}/{self.name}/{stem}.py"
            node = SuiteModule.from_parent(self, path=Path(module.__file__ or ""), name=f"{stem}.py", nodeid=nodeid)
            node.modname, node.run = module_name, self.run
            yield node


class CollectionHooks:
    """The collection hooks of a run with `--ai-suite`."""

    def __init__(self, config: pytest.Config, run: GateRun) -> None:
        self._run = run
        self._settings = run.settings
        self._selectors = [arg for arg in config.args if _is_packaged(arg)]
        config.args[:] = [arg for arg in config.args if not _is_packaged(arg)]
        if config.getoption("ai_only_packaged"):
            config.args[:] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        """Collect a packaged module past `--lf`, whose file filter does not know packaged files."""
        if isinstance(collector, SuiteModule | _Suite):
            runner: Any = collector.config.pluginmanager.getplugin("runner")
            return runner.pytest_make_collect_report(collector)
        return None

    @pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_make_collect_report")
    def pytest_aiharness_add_suites(self, collector: pytest.Collector) -> Any:
        """Add one `Suite` collector for each wanted suite to what the Session collected."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            # Below the invocation's folder, so that fixtures of a conftest there are visible to packaged checks.
            folder = collector.config.invocation_params.dir
            parent = next((n for n in report.result if isinstance(n, pytest.Directory) and n.path == folder), collector)
            suites = [_Suite.from_parent(parent, name=name, nodeid=f"{ROOT}/{name}") for name in self._settings.suites]
            for suite in suites:
                suite.run = self._run
                suite.add_marker(pytest.mark.ai_suite(suite.name))
            report.result = [*report.result, *suites]
        return report

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a check one case for each value that the settings have for its parameters."""
        spec = find_spec(metafunc.function)
        marker = metafunc.definition.get_closest_marker("ai_suite")
        if spec is None or not spec.per or marker is None:
            return
        for axis in list_axes(spec, marker.args[0], self._settings):
            metafunc.parametrize(axis.name, axis.values, ids=axis.ids)

    def selects(self, item: pytest.Item) -> bool:
        """Whether an item is wanted by its suite and by the ids given on the command line."""
        marker = item.get_closest_marker("ai_suite")
        if marker is None:
            return False
        name = marker.args[0] if marker.args else marker.kwargs.get("name")
        if name is None:
            raise pytest.UsageError(f"{item.nodeid}: ai_suite needs a name: @pytest.mark.ai_suite('smoke')")
        if name not in list_plugins("suites"):
            # Without an error a misspelt suite would drop the test silently.
            problem = describe_unknown("suite", str(name), list_plugins("suites"))
            raise pytest.UsageError(f"{item.nodeid}: ai_suite: {problem}")
        if name not in self._settings.suites:
            return False
        if not item.nodeid.startswith(f"{ROOT}/"):
            return True
        return not self._selectors or any(_matches(item.nodeid, wanted) for wanted in self._selectors)


def _is_packaged(arg: str) -> bool:
    return arg == ROOT or arg.startswith(f"{ROOT}/")


def _matches(nodeid: str, wanted: str) -> bool:
    wanted = wanted.rstrip("/")
    return nodeid == wanted or nodeid.startswith((f"{wanted}/", f"{wanted}::", f"{wanted}["))


def list_config_folders(config: pytest.Config) -> list[Path]:
    """Where the configuration file is looked for: the folder of the call, then each one up to the root."""
    start, root = Path(config.invocation_params.dir), config.rootpath
    folders = [start]
    while folders[-1] != root and os.path.commonpath((start, root)) == str(root):
        folders.append(folders[-1].parent)
    return folders

"""The validation suite on scikit-learn's bundled data behind real servers: right models pass, wrong ones are named."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.servers.bundled import SERVERS, BundledServer
from tests.servers.environments import python_environment
from tests.servers.processes import ServerProcess

pytestmark = pytest.mark.servers
DATA = """
[promises]
deterministic = true
[data]
file = "{name}.csv"
golden = "{name}_golden.jsonl"
tolerance = 1e-6
{more}
[reference]
file = "{name}.joblib"
trust = true
python = "{python}"
"""
OBJECTIVE = '[[objective]]\nsuite = "validation"\nmetric = "{}"\nlimit = "{}"\n{}\n'


@dataclass(frozen=True)
class BundledData:
    """A data set of scikit-learn: what is promised of it, and further lines of `[data]` and below."""

    objectives: tuple[tuple[str, str, str], ...]
    more: str = 'group = "group"'
    tables: str = ""


SETS = {
    "digits": BundledData(
        (
            ("macro_f1", ">= 0.9", ""),
            ("recall", ">= 0.8", 'class = "3"'),
            ("log_loss", "<= 0.4", "margin = 0.05"),
            ("ece", "<= 0.1", ""),
        ),
        'slices = ["group"]',
        '[drift]\nreference = "digits_train.csv"\n',
    ),
    "breast_cancer": BundledData(
        (
            ("roc_auc", ">= 0.95", ""),
            ("brier", "<= 0.06", ""),
            ("equal_opportunity", "<= 0.2", "margin = 0.05"),
        ),
        'classes = ["0", "1"]\nsensitive = ["group"]',
    ),
    "wine": BundledData((("balanced_accuracy", ">= 0.85", "margin = 0.05"),)),
    "diabetes": BundledData((("mae", "<= 55", "margin = 5"), ("r2", ">= 0.3", "margin = 0.1")), 'slices = ["group"]'),
    "iris": BundledData((("accuracy", ">= 0.8", "margin = 0.05"),)),
}
WRONG = [
    ("mlserver", "digits", "labels_permuted", "test_quality[recall-3]"),
    ("mlserver", "breast_cancer", "group_threshold", "test_fairness[equal_opportunity]"),
    ("mlflow", "breast_cancer", "features_swapped", "test_serving_skew"),
    ("mlflow", "diabetes", "stale", "test_golden"),
    ("triton", "wine", "scaler_missing", "test_serving_skew"),
]
"""Which model of which server is wrong, in what way, and the check that names it."""


@dataclass(frozen=True)
class Running:
    """A server that is up, and how its models are asked for."""

    server: ServerProcess
    described: BundledServer
    folder: Path
    python: Path

    def judge(self, folder: Path, name: str, defect: str = "") -> GateOutcome:
        """One validation run over a data set, in a folder with its files."""
        data = SETS[name]
        for file in self.folder.glob(f"{name}*.*"):
            shutil.copy(file, folder)
        shutil.copy(self.folder / "bundled_defects.py", folder)
        endpoint = f'[endpoint]\nurl = "{self.server.url}"\n{self.described.describe(name, defect)}'
        tables = DATA.format(name=name, more=data.more, python=self.python) + data.tables
        objectives = "".join(OBJECTIVE.format(*objective) for objective in data.objectives)
        (folder / "aiharness.toml").write_text(endpoint + tables + objectives)
        return run_gate(folder, suite="validation", timeout=200)


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    described, folder = SERVERS[request.param], tmp_path_factory.mktemp(request.param)
    with described.row.run_server(folder) as server:
        yield Running(server, described, folder, python_environment(described.row.requirements))


@pytest.mark.parametrize("name", SETS)
def test_the_right_model_passes(running: Running, tmp_path: Path, name: str) -> None:
    outcome = running.judge(tmp_path, name)
    assert outcome.status == 0, outcome.out + outcome.err


@pytest.mark.parametrize(("running", "name", "defect", "check"), WRONG, indirect=["running"])
def test_a_wrong_model_is_named(running: Running, tmp_path: Path, name: str, defect: str, check: str) -> None:
    outcome = running.judge(tmp_path, name, defect)
    assert outcome.status == 1, outcome.out + outcome.err
    assert outcome.check(check)["verdict"] == "FAIL", outcome.out

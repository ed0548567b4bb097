"""A row of docs/servers.md: how one real server is started, and what must be said of it."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.environments import python_environment, run
from tests.servers.processes import ServerProcess, free_port

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
ROW = (EXAMPLES / "mlflow.toml").read_text().split("sample = [")[1].split("]")[0] + "]"
"""The first row of load_digits as JSON: a zero."""
KNOWN = """
[promises]
deterministic = true

[data]
file = "digits_heldout.csv"
group = "parity"
"""
"""What every row's configuration ends in: the model is deterministic, and rows like those it was trained on."""


@dataclass(frozen=True)
class Place:
    """Where a server is to stand: its folder, which is its working directory too, its interpreter and its ports."""

    folder: Path
    python: Path
    port: int
    grpc_port: int = 0

    def tool(self, name: str) -> str:
        """A program of the server's environment."""
        return str(self.python.parent / name)

    def app(self, name: str) -> str:
        """A file of apps/, copied into the folder."""
        return str(shutil.copy(HERE / "apps" / name, self.folder / name))

    def call(self, *command: str) -> None:
        """A step before the start, with its deadline."""
        run([*command], env={"PATH": f"{self.python.parent}:{os.environ['PATH']}"}, cwd=self.folder)

    def train(self, name: str = "digits.joblib", *kind: str) -> None:
        """Write scikit-learn's model of digits into the folder; the kind `forest` is another than the usual one."""
        self.call(str(self.python), self.app("train_digits.py"), name, *kind)


@dataclass(frozen=True)
class Judged:
    """What the gate must say of one suite.

    `blockers` are exactly the blockers that fail: a part of the reason by name. `sometimes` are those that fail in some
    runs. `warnings` are checks of which at least one case fails: a part of its reason by the name without the case.
    """

    decision: str
    blockers: Mapping[str, str] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)
    sometimes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One server by one protocol.

    `serve` writes what the server needs into its folder and returns the command. `health` is a page that answers 200
    once it is up, within `seconds`. `config` is the aiharness.toml without the URL. `detected` are the protocols that
    `aiharness detect` lists for the bare URL, the chosen one first. `grpc`: what is asked is the port of gRPC. `ci`: CI
    judges it too, so it is quick to install and to start. `key` is what the server asks of its callers, which a run
    without a configuration needs too. `silenced` is a blocker that fails in some runs, when the
    server falls silent for good: what is said after it is not compared.
    """

    name: str
    requirements: str
    serve: Callable[[Place], Sequence[str]]
    health: str
    config: str
    detected: tuple[str, ...]
    judged: Mapping[str, Judged]
    env: Mapping[str, str] = field(default_factory=dict)
    grpc: bool = False
    seconds: float = 180
    ci: bool = False
    key: str = ""
    silenced: str = ""

    @contextmanager
    def run_server(self, folder: Path) -> Iterator[ServerProcess]:
        """The server, up; stopped with its whole process group on the way out."""
        place = Place(folder, python_environment(self.requirements), free_port(), free_port())
        command = self.serve(place)
        path = f"{place.python.parent}:{os.environ['PATH']}"
        env = {**os.environ, "HOME": str(folder), "PATH": path, **self.env}
        with ServerProcess(
            command, place.port, folder / "log", health=self.health, env=env, seconds=self.seconds, cwd=folder
        ) as server:
            server.url = f"http://127.0.0.1:{place.grpc_port if self.grpc else place.port}"
            yield server


def rows() -> list[Row]:
    """Every row of the files in rows/, by file name."""
    files = sorted(path.stem for path in (HERE / "rows").glob("*.py"))
    return [row for name in files for row in importlib.import_module(f"tests.servers.rows.{name}").ROWS]

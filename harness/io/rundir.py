"""The run directory: append-only while running, readable after a kill at any instant."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from harness.core.errors import RunDirError
from harness.core.packed_report import unpack_report
from harness.core.plan import Plan
from harness.core.proof import GateProof
from harness.core.report import Report
from harness.core.verdict import Counterexample, Verdict
from harness.io.clock import read_date
from harness.io.sanitize import Cleaner, encode_line

DEFAULT_ROOT = Path(".aiharness/runs")
PLAN, EVIDENCE, SERIES, FAULTS, GATE = "plan.json", "evidence.jsonl", "series.jsonl", "faults.jsonl", "gate.json"
DECLINED, PROOF = ".declined", "proof.json"
"""What a process notes of requests that the service declined for now; the name goes on with the process's own."""


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One line of `evidence.jsonl`: a check's verdict, its time (seconds from the start) and how long it took.

    `valid_requests` are the plain valid requests of a check that did not FAIL, `strays` those of them that failed once,
    `stray` the first of these.
    """

    check: str
    verdict: Verdict
    t: float = 0.0
    seconds: float = 0.0
    worker: str = "main"
    valid_requests: int = 0
    strays: int = 0
    stray: Counterexample | None = None


@dataclass(slots=True)
class SavedRun:
    """The content of a run directory, as far as it was written; `head` is what `plan.json` says of the run.

    `changed` says that the plan is not the one that was written down; empty if it is. `gate` is the decision; None
    where the run did not end.
    """

    plan: Plan | None
    head: Mapping[str, Any]
    changed: str = ""
    evidence: list[EvidenceLine] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    loads: list[dict[str, Any]] = field(default_factory=list)
    gate: Report | None = None
    proof: GateProof | None = None
    notes: list[str] = field(default_factory=list)


_PLAN_HEAD = 512
"""Bytes at the start of a `plan.json` in which its hash stands."""


class RunDir:
    """The folder of a run. Lines are appended whole, files replaced whole; secrets are removed from both."""

    def __init__(self, path: Path, hidden: tuple[str, ...] = (), others: frozenset[str] = frozenset()) -> None:
        self.path = path
        self._others = others
        self._cleaner = Cleaner(hidden)
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: str | Path | None, hidden: tuple[str, ...] = ()) -> RunDir:
        """Make the folder; without a path `.aiharness/runs/<utc time>`. `hidden` are the secrets to take out, in every
        spelling (`Endpoint.list_secrets`).

        Raises `RunDirError` when it cannot be written or already holds another run.
        """
        folder = Path(path) if path else _choose_folder(DEFAULT_ROOT)
        others = frozenset(entry.name for entry in folder.glob("*"))
        try:
            if not path:
                _ignore_in_git(DEFAULT_ROOT.parent)
            folder.mkdir(parents=True, exist_ok=True)
            _claim(folder)
            (folder / "exchanges").mkdir(exist_ok=True)
            for name in (SERIES, FAULTS):
                (folder / name).touch()
        except FileExistsError:
            raise RunDirError(f"run directory {folder} is a file: give a folder as --ai-run-dir") from None
        except OSError as error:
            raise RunDirError(
                f"run directory {folder} cannot be written ({error.strerror}); give another --ai-run-dir"
            ) from None
        return cls(folder.resolve(), hidden, others)

    def discard(self) -> None:
        """Remove what this run has put into the folder, and the folder if nothing else is in it: nothing was judged."""
        if not self._others:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        for entry in [entry for entry in self.path.iterdir() if entry.name not in self._others]:
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    def append(self, name: str, line: Any) -> None:
        """Append one JSON line with a single write, so that a kill tears at most the last line.

        Raises `RunDirError` when the line cannot be written whole.
        """
        data = self.clean(encode_line(line)) + b"\n"
        try:
            with self._lock, open(self.path / name, "ab", buffering=0) as file:
                whole = file.write(data) == len(data)
        except OSError as error:
            raise RunDirError(f"{self.path / name} cannot be written ({error.strerror})") from None
        if not whole:
            raise RunDirError(f"{self.path / name} cannot be written (no room for a whole line)")

    def write(self, name: str, data: bytes) -> Path:
        """Replace a file: a reader sees the old content or the new one, never a part."""
        return replace_file(self.path / name, self.clean(data))

    def write_plan(self, plan: Plan, head: Mapping[str, Any]) -> None:
        """Write `plan.json`: the plan, its hash, and the head of the run (id, start, target, environment).

        `digest` is that of the file's other content, by which a later change is noticed.
        """
        content = msgspec.json.decode(self.clean(encode_line({**plan.to_dict(), "run": dict(head)})), type=dict)
        content["digest"] = _compute_digest(content)
        replace_file(self.path / PLAN, msgspec.json.format(encode_line(content), indent=1))

    def write_exchanges(self, check: str, exchanges: list[dict[str, Any]]) -> str:
        """Write a check's exchanges, which hold no secrets, and return the file's name in the folder."""
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", check.removeprefix("ai-suite/")).strip("-")[:120]
        name = f"exchanges/{slug}.json"
        self.write(name, msgspec.json.format(encode_line(exchanges), indent=1))
        return name

    def scrub(self, path: Path) -> None:
        """Clean a file, or every file of a folder, that another plugin has written."""
        if not self._cleaner:
            return
        for file in path.rglob("*") if path.is_dir() else [path]:
            with contextlib.suppress(OSError):
                if not file.is_file():
                    continue
                data = file.read_bytes()
                cleaned = self.clean(data)
                if cleaned != data:
                    replace_file(file, cleaned)

    def clean(self, data: bytes) -> bytes:
        """The bytes with every spelling of a secret replaced by `***`; JSON stays the same JSON."""
        return self._cleaner.clean(data)


def _claim(folder: Path) -> None:
    """Make a run's first file: of two that begin at the same moment one gets the folder. Raises `RunDirError`."""
    problem = RunDirError(f"run directory {folder} already holds a run; give another --ai-run-dir")
    if any((folder / name).exists() for name in (PLAN, EVIDENCE, GATE)):
        raise problem
    try:
        (folder / EVIDENCE).touch(exist_ok=False)
    except FileExistsError:
        raise problem from None


def probe_file(target: Path) -> None:
    """Raise `RunDirError` for what `replace_file` could not write now; nothing is left behind."""
    part = _name_part(target)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise RunDirError(f"{target} cannot be written ({error.strerror})") from None


def _name_part(target: Path) -> Path:
    """The file beside a target that is renamed over it. Raises `RunDirError` where that would destroy something."""
    if not target.name or (target.exists() and not target.is_file()):
        raise RunDirError(f"{target} cannot be written (it is a folder or a device)")
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def replace_file(target: Path, data: bytes) -> Path:
    """Write beside the target and rename over it. Raises `RunDirError` when it cannot be written."""
    part = _name_part(target)
    try:
        part.write_bytes(data)
        os.replace(part, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise RunDirError(f"{target} cannot be written ({error.strerror})") from None
    return target


def states_hash(run: Path, plan_hash: str) -> bool:
    """Whether the `plan.json` of a run says that it has this hash; read from its head alone, whatever made it."""
    folder = run.parent if run.is_file() else run
    with contextlib.suppress(OSError), (folder / PLAN).open("rb") as file:
        return plan_hash.encode() in file.read(_PLAN_HEAD)
    return False


def count_runs_of_plan(run: Path, plan_hash: str) -> int:
    """How many other runs in the same folder have the plan with this hash; those that cannot be read do not count.

    Only the head of each `plan.json` is read, which holds the hash.
    """
    runs = 0
    for path in run.parent.glob(f"*/{PLAN}"):
        if path.parent.name == run.name or path.parent.is_symlink():
            continue
        with contextlib.suppress(OSError), path.open("rb") as file:
            runs += plan_hash.encode() in file.read(_PLAN_HEAD)
    return runs


def _ignore_in_git(folder: Path) -> None:
    """Make the folder with a `.gitignore` that leaves out all it holds; one that exists stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), (folder / ".gitignore").open("x") as file:
        file.write("# written by aiharness\n*\n")


def _choose_folder(root: Path) -> Path:
    stamp = read_date().strftime("%Y%m%dT%H%M%SZ")
    return root / f"{stamp}-{secrets.token_hex(2)}"


def read_run(path: str | Path) -> SavedRun:
    """Read a run directory, however its run ended. Raises `RunDirError` for anything else."""
    folder = Path(path)
    if folder.is_file():
        folder = folder.parent
    if not folder.is_dir() or not any((folder / name).exists() for name in (PLAN, EVIDENCE, GATE)):
        raise RunDirError(f"{path} is not a run directory (no {PLAN}, {EVIDENCE} or {GATE} in it)")
    saved = SavedRun(*_read_plan(folder / PLAN))
    if saved.plan is None:
        saved.notes.append(f"{PLAN} is missing: the run ended before its plan was written")
    lines, torn = _read_lines(folder / EVIDENCE)
    try:
        saved.evidence = [msgspec.convert(line, EvidenceLine) for line in lines]
    except msgspec.ValidationError as error:
        raise RunDirError(f"{folder / EVIDENCE} is not evidence of this version ({error})") from None
    saved.series, torn_series = _read_lines(folder / SERIES)
    saved.faults, torn_faults = _read_lines(folder / FAULTS)
    for path in sorted(folder.glob("load/*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):  # replaced while it was read: a killed run
            saved.loads.append(msgspec.json.decode(path.read_bytes(), type=dict[str, Any]))
    torn += torn_series + torn_faults
    for path in sorted(folder.glob(f"{DECLINED}-*")):
        saved.notes.append(path.read_text("utf-8", "replace"))
    if torn:
        saved.notes.append(f"{torn} torn lines were left out: the run was killed while writing")
    with contextlib.suppress(OSError, msgspec.MsgspecError):  # the run is no proof, or was killed before its end
        saved.proof = msgspec.json.decode((folder / PROOF).read_bytes(), type=GateProof)
    if (folder / GATE).exists():
        gate = read_gate(folder / GATE)
        saved.gate = gate if gate.run.final else None
    return saved


def read_fault_lines(path: str) -> list[dict[str, Any]]:
    """The lines of a run's `faults.jsonl`, whatever state its other files are in. Raises `RunDirError`."""
    try:
        return _read_lines(Path(path) / FAULTS)[0]
    except OSError as error:
        raise RunDirError(f"{path}/{FAULTS} cannot be read: {error.strerror}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunRecord:
    """How a run was started, for doing a part of it again: the content of `rerun.json`.

    `folder` (where it was started), `root` (pytest's), `config` (the configuration file, if any) and `experiments` (the
    file of `--ai-experiments`, if any) are relative to the run directory. `options` are those of the command line by
    name; `endpoint` the URL where no file gives it, without credentials: `had_credentials` says that it held some.
    """

    folder: str
    root: str
    config: str | None = None
    experiments: str | None = None
    endpoint: str | None = None
    had_credentials: bool = False
    suites: tuple[str, ...] = ()
    options: Mapping[str, bool | str | int | float] = field(default_factory=dict)


RERUN = "rerun.json"
CONFIG_COPY, EXPERIMENTS_COPY = "config", "experiments"
"""The folders in a run directory that hold a copy of the configuration file, and of the file of experiments."""


def read_record(folder: Path) -> RerunRecord:
    """How the run in this directory was started. Raises `RunDirError` where that is not known."""
    try:
        return msgspec.json.decode((folder / RERUN).read_bytes(), type=RerunRecord)
    except OSError:
        raise RunDirError(
            f"{folder} does not say how it was started (no {RERUN}): it was made by locust or by an older version"
        ) from None
    except msgspec.MsgspecError as error:
        raise RunDirError(f"{folder / RERUN} is not of this version ({error})") from None


def find_original_folder(path: Path) -> Path | None:
    """The folder of the configuration file of which `path` is the copy in a run directory; None for another file."""
    run = path.absolute().parent.parent
    if path.absolute().parent.name not in (CONFIG_COPY, EXPERIMENTS_COPY) or not (run / RERUN).is_file():
        return None
    record = read_record(run)
    original = record.config if path.absolute().parent.name == CONFIG_COPY else record.experiments
    return (run / original).parent if original else None


def read_gate(path: Path) -> Report:
    """Read a `gate.json`, or the one in a `report.html`, also of a run that did not end (`run.final`).

    Raises `RunDirError` for anything else.
    """
    try:
        content = path.read_bytes()
        return msgspec.json.decode(unpack_report(content) if path.suffix == ".html" else content, type=Report)
    except OSError as error:
        raise RunDirError(f"{path} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise RunDirError(f"{path} is not a gate.json of this version ({error})") from None


def _compute_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a plan file without its digest, in hex."""
    others = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(msgspec.json.encode(others, order="deterministic")).hexdigest()


def _read_plan(path: Path) -> tuple[Plan | None, Mapping[str, Any], str]:
    """The plan, the head of the run, and that the file was changed after it was written; older files have no digest."""
    if not path.exists():
        return None, {}, ""
    try:
        raw = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        plan, head = msgspec.convert(raw, Plan, strict=False), msgspec.convert(raw.get("run", {}), dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise RunDirError(f"{path} is not a plan of this version ({error})") from None
    changed = ""
    if raw.get("digest", _compute_digest(raw)) != _compute_digest(raw):
        changed = f"{PLAN} was changed after it was written: its content does not have the digest that it states"
    return plan, head, changed


def _read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The complete lines of a JSON-lines file, and the number of incomplete ones."""
    if not path.exists():
        return [], 0
    records, torn = [], 0
    for line in path.read_bytes().split(b"\n"):
        if not line:
            continue
        try:
            records.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.MsgspecError:
            torn += 1
    return records, torn

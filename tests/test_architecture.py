"""The layers of ARCHITECTURE.md, held: a layer that no test enforces is a wish."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("core", "stats"),
    (
        *("protocols", "checks", "attacks", "faults", "metrics", "platform_actions", "graders", "peer_results"),
        *("relations", "probes"),
    ),
    ("io", "data", "chaos.proxy"),
    ("run", "config", "reference", "disturbances"),
    ("generation", "robustness", "load", "chaos", "proving"),
    ("load.child",),
    ("plugin", "commands"),
)
"""From the lowest to the highest; a room may import from the rooms of lower layers, and from `core`."""
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
FRONT = len(LAYERS)
BESIDE = {
    ("commands", "plugin"),
    ("commands", "suite"),
    ("plugin", "suite"),
    ("load.child", "suite"),
    ("", "suite"),
    ("chaos", "load"),
    ("robustness", "generation"),
    ("probes", "checks"),
}
"""Rooms of which the first may import the second, though it does not lie lower; "" is the package itself."""
PURE = ("core", "stats", "protocols", "checks", "attacks", "faults", "metrics", "graders", "peer_results", "probes")
PATCHING = ("locust", "gevent", "geventhttpclient", "greenlet")
"""They patch the process that imports them: only what runs in the load child may."""
IMPURE = {
    "socket",
    "ssl",
    "time",
    "random",
    "asyncio",
    "threading",
    "subprocess",
    "os",
    "pathlib",
    "tempfile",
    "signal",
}
FOUND_BY_NAME = ("harness.suites", "harness.scenarios", "harness.reports", "suites", "scenarios", "reports")
LAZY = {
    "harness/plugin/__init__.py": "a plain pytest run must not pay for a gate that it does not use",
    "harness/config/suite_sections.py": "numpy is loaded only for those who have data",
    "harness/config/drift.py": "numpy is loaded only for those who have a reference sample",
    "harness/chaos/injector.py": "toxiproxy-python is an extra, loaded only to disturb a link",
    "harness/chaos/live_view.py": "rich is an extra, loaded only for the terminal of a game day",
    "harness/generation/search.py": "Hypothesis and jsonschema are an extra, loaded only when a search begins",
    "harness/robustness/relation_search.py": "Hypothesis is an extra, loaded only when a search begins",
    "harness/load/child/standalone.py": "the load suite, and pytest with it, judges only where no gate does",
    "harness/graders/json_schema.py": "jsonschema is an extra, loaded only for a schema",
    "harness/io/model_child.py": "the interpreter that runs it may have none of these libraries",
    "harness/io/client.py": "gRPC is an extra, loaded only for a protocol that is spoken over it",
    "harness/proving/link.py": "gRPC is an extra, loaded only to prove checks of a protocol that is spoken over it",
    "harness/io/parquet.py": "pyarrow is an extra, loaded only for a Parquet file",
    "harness/io/metrics_page.py": "prometheus-client is an extra, loaded only for a soak",
    "harness/plugin/run_checks.py": "allure is an extra, loaded only when the user writes Allure results",
}
FILES = sorted(
    path
    for folder in ("harness", "suites", "scenarios", "reports")
    for path in (ROOT / folder).rglob("*.py")
    if not path.name.endswith("_pb2.py")
)
"""All but what is generated."""


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] == "harness" else ("harness", *parts))


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            origin = f"{base}.{node.module}" if base and node.module else node.module or base
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _room(module: str) -> str:
    """The room of a module, as `LAYERS` names it; for the modules at the top level their own name."""
    inner = ".".join(module.split(".")[1:3])
    return inner if inner in LAYER else _package(module)


def _layer(module: str) -> int:
    return LAYER.get(_room(module), FRONT)


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in FILES}


def test_imports_go_down_only(trees: dict[Path, ast.Module]) -> None:
    wrong = []
    for path, tree in trees.items():
        module = _module(path)
        if module.startswith(("harness.suites", "harness.scenarios", "harness.reports")):
            continue
        for name in _imports(tree, module):
            room, own = _room(name), _room(module)
            if not name.startswith("harness.") or name == "harness.__version__" or room == own:
                continue
            if _layer(name) >= _layer(module) and (own, room) not in BESIDE:
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_renderers_and_suites_import_what_they_may(trees: dict[Path, ast.Module]) -> None:
    wrong = []
    for path, tree in trees.items():
        module = _module(path)
        for name in _imports(tree, module):
            if module.startswith("harness.reports") and name.startswith("harness.") and _package(name) != "reports":
                if _package(name) not in ("core", "stats"):
                    wrong.append(f"{module} imports {name}")
            elif module.startswith("harness.suites") and _package(name) == "reports":
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_pure_layers_do_no_io(trees: dict[Path, ast.Module]) -> None:
    allowed = {package: set[str]() for package in PURE} | {
        "stats": {"numpy"},
        "attacks": {"numpy"},
        "metrics": {"numpy"},
        "protocols": {"msgspec", "google"},  # codecs: bytes in, values out
        "faults": {"hpack", "msgspec"},  # likewise
        "graders": {"jsonschema"},
    }
    wrong = []
    for path, tree in trees.items():
        module = _module(path)
        if _package(module) not in PURE:
            continue
        for name in _imports(tree, module):
            top = name.split(".")[0]
            known = top == "harness" or top in sys.stdlib_module_names or top in allowed[_package(module)]
            if top in IMPURE or not known:
                wrong.append(f"{module} imports {name}")
        wrong += [f"{module} calls {call}" for call in _calls(tree) if call in ("open", "print", "input")]
    assert not wrong


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_only_the_load_child_imports_what_patches_the_process(trees: dict[Path, ast.Module]) -> None:
    wrong = [
        f"{_module(path)} imports {name}"
        for path, tree in trees.items()
        for name in _imports(tree, _module(path))
        if name.split(".")[0] in PATCHING and not _module(path).startswith("harness.load.child")
    ]
    assert not wrong


def test_only_scenarios_import_what_runs_in_the_load_child(trees: dict[Path, ast.Module]) -> None:
    wrong = [
        f"{_module(path)} imports {name}"
        for path, tree in trees.items()
        for name in _imports(tree, _module(path))
        if name.startswith("harness.load.child")
        and not _module(path).startswith(("harness.scenarios", "harness.load.child"))
        and _module(path) != "harness"  # for its types alone: it imports lazily
    ]
    assert not wrong


def test_suites_and_reports_are_found_by_name(trees: dict[Path, ast.Module]) -> None:
    outside = {path: tree for path, tree in trees.items() if path.is_relative_to(ROOT / "harness")}
    wrong = [
        f"{_module(path)} imports {name}"
        for path, tree in outside.items()
        for name in _imports(tree, _module(path))
        if name.startswith(FOUND_BY_NAME) and not name.startswith("harness.commands.report")
    ]
    assert not wrong


def test_no_import_cycle(trees: dict[Path, ast.Module]) -> None:
    modules = {_module(path): tree for path, tree in trees.items()}
    edges = {
        module: {
            name
            for node in tree.body
            for name in _imports(node, module)
            if name in modules and name != module and not module.startswith(f"{name}.")
        }
        for module, tree in modules.items()
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a cycle: {' → '.join((*way[way.index(module) :], module))}"
        if module not in done:
            for name in sorted(edges[module]):
                visit(name, (*way, module))
            done.add(module)

    for module in edges:
        visit(module, ())


def test_lazy_imports_have_a_reason(trees: dict[Path, ast.Module]) -> None:
    wrong = []
    for path, tree in trees.items():
        name = str(path.relative_to(ROOT))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lazy = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
                if lazy and name not in LAZY:
                    wrong.append(f"{name}:{lazy[0].lineno}")
    assert not wrong


def test_sizes(trees: dict[Path, ast.Module]) -> None:
    lines = {path: len(path.read_text().splitlines()) for path in FILES}
    assert not {str(path): count for path, count in lines.items() if count > 400}
    assert sum(count <= 250 for count in lines.values()) >= 0.9 * len(lines)
    long = [
        f"{path.name}:{node.lineno} {node.name}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert not long


def test_every_public_name_says_what_it_is(trees: dict[Path, ast.Module]) -> None:
    """Suites are left out: the title in `@check` is what their reader sees."""
    wrong = []
    for path, tree in trees.items():
        module = _module(path)
        if module.startswith("harness.suites"):
            continue
        if path.name != "__init__.py" and not ast.get_docstring(tree):
            wrong.append(module)
        for node in _public(tree):
            wrong += [] if ast.get_docstring(node) else [f"{module}.{node.name}"]
            if isinstance(node, ast.ClassDef):
                wrong += [
                    f"{module}.{node.name}.{inner.name}" for inner in _public(node) if not ast.get_docstring(inner)
                ]
    assert not wrong


def _public(scope: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return (node for node in scope.body if isinstance(node, kinds) and not node.name.startswith("_"))


def test_the_reference_deployment_knows_nothing_of_the_gate(trees: dict[Path, ast.Module]) -> None:
    """It is what the gate is tried on: sharing more than words with it would hide a mistake on both sides."""
    wrong = [
        f"{_module(path)} imports {name}"
        for path, tree in trees.items()
        if _package(_module(path)) == "reference"
        for name in _imports(tree, _module(path))
        if name.startswith("harness.") and _package(name) not in ("core", "reference")
    ]
    assert not wrong


def test_nothing_shipped_imports_what_stays_in_the_repository(trees: dict[Path, ast.Module]) -> None:
    """The seeded defects are looked up by name, at run time, by the reference service alone."""
    wrong = [
        f"{_module(path)} imports {name}"
        for path, tree in trees.items()
        for name in _imports(tree, _module(path))
        if name.split(".")[0] in ("detection", "tests", "benchmarks")
    ]
    assert not wrong
    naming = [path.name for path in FILES if "detection.catalogue" in path.read_text()]
    assert naming == ["switches.py"]


def test_defects_and_variants_know_nothing_of_the_gate() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in (ROOT / "detection").rglob("*.py")
        for name in _imports(ast.parse(path.read_text()), "detection")
        if name.startswith("harness.") and _package(name) not in ("core", "reference")
    ]
    assert not wrong


def test_the_layers_cover_the_tree() -> None:
    folders = {path.name for path in (ROOT / "harness").iterdir() if (path / "__init__.py").exists()}
    assert folders == {room for room in LAYER if "." not in room}
    assert {name.split(".py")[0] for name in LAZY} <= {str(path.relative_to(ROOT)).split(".py")[0] for path in FILES}

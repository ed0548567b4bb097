"""The container files, held without a container engine: what they name exists, and nothing is open or unpinned."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config.sections import ConfigFile
from harness.core.suite_policy import list_sections
from harness.reference import gateway
from harness.reference.__main__ import _make_parser as backend_parser

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROGRAMS = {"python", "aiharness", "locust", "sh"}
DECLARED = {"AIHARNESS_API_KEY", "GATEWAY_EDITION"}


def words(service: dict[str, Any]) -> list[str]:
    """A command as the words that the container gets, those of a shell's line included."""
    command = [str(word) for word in service["command"]]
    return command if command[:2] != ["sh", "-c"] else shlex.split(command[2].replace("$$", "$"))


def instructions(path: Path) -> list[tuple[str, str]]:
    """Instruction and argument, in order, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", path.read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(head.upper(), rest.strip()) for head, _, rest in (line.partition(" ") for line in lines)]


def bare(mapping: str) -> str:
    return mapping.split(":")[0]


def test_the_services_are_all_there() -> None:
    assert SERVICES.keys() == {"backend-a", "backend-b", "toxiproxy", "gateway", "gate", "load-master", "load-worker"}
    assert {name: item["profiles"] for name, item in SERVICES.items() if "profiles" in item} == {
        "gate": ["gate"],
        "load-master": ["load"],
        "load-worker": ["load"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_only_what_exists(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() & {"image", "build"}
    tag = service["image"].rpartition(":")[2]
    assert ":" in service["image"]
    assert tag not in ("", "latest")
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    for volume in service.get("volumes", []):
        source = bare(volume)
        assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other], other
        assert not SERVICES[other].get("profiles") or SERVICES[other]["profiles"] == service.get("profiles")
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port
    assert not re.search(r"\b(curl|wget)\b", json.dumps(service))


@pytest.mark.parametrize("name", [name for name, item in SERVICES.items() if "build" in item])
def test_commands_can_be_run(name: str) -> None:
    command = words(SERVICES[name])
    program = command[0] if command[0] != "exec" else command[1]
    assert program in PROGRAMS
    if command[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(command[2]) is not None
        parsers = {"harness.reference": backend_parser, "harness.reference.gateway": gateway._make_parser}
        options = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in command[3:]]
        parsers[command[2]]().parse_args(options)  # exits for an option that does not exist
    if program == "locust":
        scenario = re.search(r"aiharness list scenarios (\w+)", " ".join(command))
        assert scenario is not None
        assert (ROOT / "scenarios" / f"{scenario[1]}.py").exists(), "a scenario that the wheel does not have"


def test_every_host_in_a_url_is_a_service_or_the_container_itself() -> None:
    texts = [json.dumps(SERVICES), (ROOT / "docker" / "aiharness.toml").read_text()]
    hosts = {host for text in texts for host in re.findall(r"https?://([\w.-]+)", text)}
    hosts |= {link["upstream"].split(":")[0] for link in links()}
    assert hosts <= {*SERVICES, "127.0.0.1"}
    assert SERVICES["load-worker"]["command"][2].split("--master-host ")[1] in SERVICES


def links() -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads((ROOT / "docker" / "toxiproxy.json").read_text())
    return data


def test_the_gateway_reaches_each_backend_through_a_link_of_its_name() -> None:
    upstreams = [word.removeprefix("--upstream=") for word in SERVICES["gateway"]["command"] if "upstream" in word]
    assert upstreams == [f"http://toxiproxy:{link['listen'].rpartition(':')[2]}" for link in links()]
    backends = [name for name in SERVICES if name.startswith("backend-")]
    assert [link["name"] for link in links()] == backends
    assert [link["upstream"] for link in links()] == [f"{name}:8000" for name in backends]
    assert "models" not in SERVICES["gateway"]["networks"], "there must be no way around the links"
    assert COMPOSE["networks"]["models"]["internal"]


def test_variables_are_declared_and_hold_no_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    assert used <= DECLARED
    assert "export AIHARNESS_API_KEY=" in text
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert name in DECLARED
            assert value.startswith("${AIHARNESS_API_KEY:?"), "a key with a default is a key everybody knows"
    config = (ROOT / "docker" / "aiharness.toml").read_text()
    assert set(re.findall(r'env = "(\w+)"', config)) <= SERVICES["gate"]["environment"].keys()


def test_the_gates_configuration_is_one() -> None:
    config = tomllib.loads((ROOT / "docker" / "aiharness.toml").read_text())
    known = {*ConfigFile.__dataclass_fields__, *list_sections()}
    assert config.keys() <= known
    assert config["endpoint"]["url"] == "http://gateway:8080"
    names = {item["name"] for item in links()}
    for link, section in config["links"].items():
        assert link in names
        assert section["api"].split("//")[1].split(":")[0] in config["targets"]["allow"]
    assert {item["link"] for item in config["fault"]} <= config["links"].keys()
    command = SERVICES["gate"]["command"]
    assert "--ai-config=/config/aiharness.toml" in command
    assert next(word for word in command if "run-dir" in word).split("=")[1].startswith("/reports/")


def test_the_image_is_pinned_small_and_without_root() -> None:
    lines = instructions(ROOT / "Dockerfile")
    known = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "CMD"}
    assert {head for head, _ in lines} <= known
    bases = [rest for head, rest in lines if head == "FROM"]
    assert [base.split()[0] for base in bases] == ["python:3.12-slim"] * 2
    last = max(index for index, (head, _) in enumerate(lines) if head == "FROM")
    users = [rest for head, rest in lines[last:] if head == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    stages = {base.split(" AS ")[1] for base in bases}
    for head, rest in lines:
        *sources, _ = [word for word in rest.split() if not word.startswith("--")]
        if head == "COPY" and "--from=" in rest:
            assert re.findall(r"--from=(\S+)", rest)[0] in stages
        elif head == "COPY":
            assert all((ROOT / source).exists() for source in sources), rest
        assert head != "ENV" or not re.search(r"KEY|TOKEN|SECRET|PASSWORD", rest)
    assert SERVICES["gate"]["build"]["target"] in stages
    extras = re.findall(r"\.\[([\w,]+)\]", (ROOT / "Dockerfile").read_text())[0].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras) <= project["optional-dependencies"].keys()


def test_the_builder_gets_what_the_image_is_made_of_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    unignored = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source.split("/")[0]
        for head, rest in instructions(ROOT / "Dockerfile")
        if head == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert unignored == copied

"""A real Chromium, and packages from npm, for the tests of what others read."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--no-first-run", "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
DARK = "--blink-settings=preferredColorScheme=0"


def miss(reason: str) -> None:
    """Skip the test for what this machine lacks; in CI nothing may be lacking."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def find_chromium() -> str:
    command = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if command is None:
        miss("no Chromium on PATH: apt-get install -y chromium")
    return str(command)


def open_page(chromium: str, html: str, folder: Path, *flags: str) -> tuple[str, str]:
    """The DOM after the page's script ran, and what the console said."""
    page = folder / "report.html"
    page.write_text(html, encoding="utf-8")
    command = [chromium, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console


def install_packages(folder: Path, *packages: str) -> Path:
    """The folder `node_modules` with these packages."""
    if shutil.which("npm") is None:
        miss("npm is missing: apt-get install npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", *packages]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if answer.returncode:
        miss(f"no package registry: npm install {' '.join(packages)}: {answer.stderr[-200:]}")
    return folder / "node_modules"

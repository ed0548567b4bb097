"""Take the pictures of the report that the README and the documents show.

`make screenshots` runs both editions of the demo (five minutes) and needs Chromium; with the folders of two saved runs,
that of the naive edition first, it only takes the pictures. Tested in tests/reports/test_as_html_browser.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
MOST_BYTES = 400_000
"""Size of all pictures together."""

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture: of the run of which edition, of the section under which heading (empty: the top of the page)."""

    name: str
    edition: str
    heading: str = ""
    height: int = 860
    dark: bool = False
    width: int = 1040


SCREENSHOTS = (
    Screenshot("report-light", "naive"),
    Screenshot("report-dark", "naive", dark=True),
    Screenshot("objectives", "naive", "Objectives and estimates", 600),
    Screenshot("timeline", "hardened", "Timeline", 720),
    Screenshot("latency", "hardened", "Latency", 640),
    Screenshot("slices", "hardened", "Model validation", 400),
    Screenshot("robustness", "hardened", "Adversarial robustness", 520),
)


def cut_section(page: str, heading: str) -> str:
    """The page with nothing but the section under this heading. Raises `ValueError` where there is none."""
    for section in re.findall(r"<section.*?</section>", page, re.DOTALL):
        if re.search(rf"<h2[^>]*>{re.escape(heading)}</h2>", section):
            return f"{page[: page.index('<header')]}<main>{section}</main></body></html>"
    raise ValueError(f"the report has no section {heading!r}")


def take_screenshot(page: str, shot: Screenshot, folder: Path) -> Path:
    """The picture as a WebP file in the folder. Raises `FileNotFoundError` without Chromium."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError("no Chromium on PATH: apt-get install -y chromium")
    target = folder / f"{shot.name}.webp"
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "page.html"
        source.write_text(_POLICY.sub("", cut_section(page, shot.heading) if shot.heading else page), "utf-8")
        flags = [
            f"--window-size={shot.width},{shot.height}",
            f"--screenshot={target}",
            f"--user-data-dir={work}/profile",
        ]
        if shot.dark:
            flags.append("--blink-settings=preferredColorScheme=0")
        common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        subprocess.run([browser, *common, *flags, source.as_uri()], check=True, capture_output=True, timeout=60)
    return target


def run_demo(edition: str, folder: Path) -> Path:
    """The directory of a run of the demo."""
    command = [sys.executable, "-m", "harness", "demo", "--edition", edition]
    subprocess.run(command, cwd=folder, check=False, timeout=900)
    return next((folder / ".aiharness" / "runs").iterdir())


def main(*runs: str) -> None:
    """Take every picture, from these runs or from new ones; say what all of them weigh."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        folders = dict(zip(("naive", "hardened"), map(Path, runs), strict=False))
        for edition in ("naive", "hardened"):
            if edition not in folders:
                (Path(work) / edition).mkdir()
                folders[edition] = run_demo(edition, Path(work) / edition)
        pages = {edition: (folder / "report.html").read_text("utf-8") for edition, folder in folders.items()}
        sizes = [take_screenshot(pages[shot.edition], shot, IMAGES).stat().st_size for shot in SCREENSHOTS]
    print(f"{len(sizes)} pictures in {IMAGES}, {sum(sizes):,} of at most {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])

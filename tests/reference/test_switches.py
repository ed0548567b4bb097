from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.reference import switches
from harness.reference.settings import ServiceSettings


def test_a_service_without_switches_needs_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "_CHECKOUT", tmp_path)
    assert switches.load_switches(ServiceSettings()) == ()
    assert switches.choose_http(ServiceSettings()) == "auto"


def test_outside_a_checkout_the_error_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "_CHECKOUT", tmp_path)
    for settings in (ServiceSettings(defects=("nan_in_200",)), ServiceSettings(variants=("jittery",))):
        with pytest.raises(UsageError, match=r"folder detection/ of the repository"):
            switches.load_switches(settings)
    with pytest.raises(UsageError, match=r"pip install -e \."):
        switches.list_titles("defect")


def test_variants_are_outside_of_defects() -> None:
    loaded = switches.load_switches(ServiceSettings(defects=("nan_in_200",), variants=("jittery", "crlf_sse")))
    assert [getattr(switch, "name", "") for switch in loaded] == ["jittery", "crlf_sse", "nan_in_200"]
    assert switches.choose_http(ServiceSettings(variants=("jittery",))) != "auto"
    assert "NaN" in switches.list_titles("defect")["nan_in_200"]

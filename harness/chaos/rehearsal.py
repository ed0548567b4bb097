"""The rehearsal of the undo before a game day: a fault that does nothing is applied on each link, and lifted.

Tested in tests/commands/test_gameday.py.
"""

from __future__ import annotations

from harness.chaos.injector import Injector
from harness.core.errors import UsageError
from harness.core.experiment import Fault
from harness.core.settings import Settings


def rehearse_lift(settings: Settings) -> list[str]:
    """Apply and lift a harmless fault on every link of the experiments; a line for each link.

    Raises `UsageError` for a link that does not do both, and as `Injector` does.
    """
    used = {link for plan in settings.experiments for link in plan.links}
    lines = []
    for link in settings.links:
        if link.name not in used:
            continue
        with Injector(link, allow=settings.allow) as injector:
            injector.settle()
            with injector.apply(Fault(link.name, "noop", name="rehearsal")) as active:
                if active.name not in injector.proxy.toxics():
                    raise UsageError(f"{injector.api.where}: a harmless fault was applied and is not there")
            if active.name in injector.proxy.toxics():
                raise UsageError(f"{injector.api.where}: a harmless fault was lifted and is still there")
        lines.append(f"link {link.name}: a harmless fault was applied and lifted")
    return lines

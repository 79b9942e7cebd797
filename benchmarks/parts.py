"""What is measured without a crowd that talks: the disk."""

from collections.abc import Callable

from benchmarks import disk, machine
from benchmarks.runs import Conditions, Run, noise, percentiles
from benchmarks.scenarios import Mode, Scenario


def _disk(scenario: Scenario, name: str, conditions: Conditions) -> Run:
    first = machine.sample(None)
    times = disk.sync_times(conditions.folder, conditions.server_core)
    return {
        "sync_us": percentiles([round(seconds * 1e6) for seconds in times], "50", "99"),
        **noise(machine.usage(first, machine.sample(None))),
    }


MEASURES: dict[Mode, Callable[[Scenario, str, Conditions], Run]] = {"disk": _disk}

"""Every task by its name."""

from benchmarks.tasks.data import LONG, TASKS, Task
from benchmarks.tasks.sensors import SENSORS

KNOWN: dict[str, Task] = {**TASKS, **SENSORS, LONG.name: LONG}

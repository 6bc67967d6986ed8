"""What the kernel says of a process."""

import time
from pathlib import Path


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond: its CPU clock, numbered as the kernel does for clock_gettime."""
    return time.clock_gettime(~pid << 3 | 2)


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no memory")

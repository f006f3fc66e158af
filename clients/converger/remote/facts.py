"""What the machine says about itself."""

import os
import platform


def facts():
    return {
        "memoryBytes": memory_bytes(),
        "cores": len(os.sched_getaffinity(0)),
        "debianVersion": read("/etc/debian_version"),
        "kernel": platform.release(),
        "machineId": read("/etc/machine-id"),
    }


def memory_bytes():
    """The machine's memory, or the limit of its control group where that is lower."""
    with open("/proc/meminfo", encoding="ascii") as file:
        total = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemTotal:"))
    limit = read("/sys/fs/cgroup/memory.max")
    return min(total, int(limit)) if limit.isdigit() else total


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""

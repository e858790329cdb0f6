"""Peak memory of a stretch of this process (Linux)."""

from __future__ import annotations

from pathlib import Path


def reset_peak() -> None:
    """Writing 5 sets the process's high-water mark back to what it uses now."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int:
    """The high-water mark since then."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)

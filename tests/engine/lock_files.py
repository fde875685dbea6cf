"""Lock files as Pulumi's file backend writes them."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path


def take(state: Path, pid: int, *, host: str = "", timestamp: str = "") -> Path:
    """A lock file as Pulumi's file backend writes it."""
    folder = state / ".pulumi" / "locks" / "organization" / "hepburst" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S") + ".123456789Z"
    values = {"pid": pid, "username": "somebody", "hostname": host or socket.gethostname(), "timestamp": timestamp or now}
    file = folder / f"{pid}.json"
    file.write_text(json.dumps(values))
    return file

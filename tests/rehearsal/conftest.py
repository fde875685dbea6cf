"""One copy of the project for all rehearsals: its cloud is forgotten at the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.rehearsal.rehearsed import Rehearsed


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    copy = Rehearsed(tmp_path_factory.mktemp("rehearsed").resolve())
    yield copy
    copy.cloud("down")
    for pid in copy.processes():  # only where a test failed
        os.kill(pid, signal.SIGKILL)

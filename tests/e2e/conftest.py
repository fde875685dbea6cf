"""One copy of the project for the tests of a file, as it was set up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.project import Project


@pytest.fixture(scope="module")
def fresh_project(tmp_path_factory: pytest.TempPathFactory, toy_showers: Path) -> Iterator[Project]:
    copy = Project(tmp_path_factory.mktemp("project").resolve(), toy_showers)
    yield copy
    for pid in copy.processes():  # only where a test failed
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def project(fresh_project: Project) -> Project:
    """The same with a stack `local`."""
    fresh_project.pulumi("stack", "init", "local")
    return fresh_project

"""The rehearsal cluster for the tests of this folder, and stacks on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.onprem import Onprem, cluster_up


@pytest.fixture(scope="session")
def cluster() -> None:
    if platform.system() != "Linux" or os.geteuid() != 0:
        pytest.skip("the rehearsal cluster needs Linux and root")
    cluster_up()


@pytest.fixture(scope="module")
def new_stack(cluster: None, tmp_path_factory: pytest.TempPathFactory, toy_showers: Path) -> Iterator[Callable[[str], Onprem]]:
    made: list[Onprem] = []

    def new(stack: str) -> Onprem:
        while made:  # one after the other: the only node has room for one
            made.pop().clear()
        made.append(Onprem(tmp_path_factory.mktemp(stack).resolve(), toy_showers, stack))
        return made[-1]

    yield new
    for stack in made:
        stack.clear()

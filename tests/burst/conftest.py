"""Tests of the domain: equal on every run and machine, however slow, and whatever was measured on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from burst.facts import speeds

settings.register_profile("burst", deadline=None, derandomize=True)
settings.load_profile("burst")


@pytest.fixture(autouse=True, scope="module")
def no_measurements_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own table of speeds is empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speeds, "OWN", tmp_path_factory.mktemp("speeds") / "calibration.csv")
        yield

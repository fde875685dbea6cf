"""What no other row beats: as brute force finds it, whatever ties and rounding there are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from burst.pareto import undominated


@given(
    rows=st.lists(st.tuples(*[st.sampled_from([0.0, 1e-20, 0.1, 1.0, 1.0 + 2**-52, 2.0, 3.0, 1e6])] * 3), max_size=40),
)
def test_undominated_is_what_brute_force_keeps(rows: list[tuple[float, float, float]]) -> None:
    values = np.array(rows, dtype=np.float64).reshape(-1, 3)
    kept = [
        index for index, one in enumerate(values) if not any(np.all(other <= one) and np.any(other < one) for other in values)
    ]
    assert undominated(values).tolist() == kept


@given(rows=st.lists(st.tuples(*[st.floats(1e-3, 1e3)] * 3), min_size=1, max_size=60), copies=st.integers(1, 3))
def test_equal_rows_are_all_kept_or_none(rows: list[tuple[float, float, float]], copies: int) -> None:
    once = undominated(np.array(rows))
    several = undominated(np.array(rows * (copies + 1)))
    assert several.tolist() == sorted(index + len(rows) * copy for copy in range(copies + 1) for index in once.tolist())


def test_nothing_has_no_front() -> None:
    assert undominated(np.zeros((0, 3))).tolist() == []

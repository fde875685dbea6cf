"""Low, expected and high: always in this order, under every operation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst.ranges import Case, Range

NUMBERS = st.floats(0, 1e9)
RANGES = st.lists(NUMBERS, min_size=3, max_size=3).map(lambda ends: Range(*sorted(ends)))
FACTORS = st.tuples(st.floats(0.01, 1.0), st.floats(1.0, 100.0)).map(lambda ends: Range(ends[0], 1.0, ends[1]))


@given(one=RANGES, other=RANGES)
def test_sums_and_products_are_taken_end_by_end(one: Range, other: Range) -> None:
    for case in Case:
        assert (one + other).at(case) == one.at(case) + other.at(case)
        assert (one * other).at(case) == one.at(case) * other.at(case)


@given(one=RANGES, factor=NUMBERS)
def test_a_number_scales_every_end(one: Range, factor: float) -> None:
    assert all((one * factor).at(case) == one.at(case) * factor for case in Case)
    assert one * Range.exactly(factor) == one * factor


@given(one=RANGES)
def test_a_range_holds_its_ends_and_nothing_beyond(one: Range) -> None:
    assert all(one.at(case) in one for case in Case)
    assert math.nextafter(one.high, math.inf) not in one
    assert one.low == 0 or math.nextafter(one.low, -math.inf) not in one
    assert math.nan not in one


@pytest.mark.parametrize("ends", [(2, 1, 3), (1, 3, 2), (-1, 0, 1), (math.nan, 1, 2), (0, math.nan, 2), (0, 1, math.nan)])
def test_ends_out_of_order_or_unknown_are_no_range(ends: tuple[float, float, float]) -> None:
    with pytest.raises(AssertionError):
        Range(*ends)


@given(factors=st.lists(FACTORS, min_size=1, max_size=5))
def test_independent_factors_are_wider_than_each_and_narrower_than_their_product(factors: list[Range]) -> None:
    together = Range.independent(*factors)
    assert math.prod(factor.low for factor in factors) <= together.low * (1 + 1e-9)
    assert together.high <= math.prod(factor.high for factor in factors) * (1 + 1e-9)
    for factor in factors:
        assert together.low <= factor.low * (1 + 1e-9)
        assert factor.high <= together.high * (1 + 1e-9)


@given(one=FACTORS)
def test_one_factor_alone_is_itself(one: Range) -> None:
    alone = Range.independent(one, Range.exactly(1.0))
    assert (alone.low, alone.expected, alone.high) == pytest.approx((one.low, one.expected, one.high))


@given(one=FACTORS, other=FACTORS)
def test_the_order_of_independent_factors_plays_no_part(one: Range, other: Range) -> None:
    assert Range.independent(one, other) == Range.independent(other, one)


@given(one=RANGES)
def test_an_output_keeps_three_digits_and_the_order(one: Range) -> None:
    low, expected, high = (one.to_output()[name] for name in ("low", "expected", "high"))
    assert isinstance(low, float)
    assert isinstance(expected, float)
    assert isinstance(high, float)
    assert low <= expected <= high
    assert expected == pytest.approx(one.expected, rel=0.0051)


def test_an_exact_number_has_no_width() -> None:
    assert Range.exactly(2.5) == Range(2.5, 2.5, 2.5)

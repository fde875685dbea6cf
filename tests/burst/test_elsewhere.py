"""What the full published training costs on each provider."""

from __future__ import annotations

from burst import elsewhere


def test_each_provider_has_its_cheapest_plan_within_a_day() -> None:
    found = elsewhere.published_training()
    assert [each.provider for each in found] == list(elsewhere.PROVIDERS.values())
    for each in found:
        assert 0 < each.cost.usd.low < each.cost.usd.expected < each.cost.usd.high
        assert each.cost.hours.expected <= elsewhere.MAX_HOURS


def test_what_cern_measured_is_not_called_extrapolated() -> None:
    google, azure, oracle = elsewhere.published_training()
    assert "v3-8" in google.plan
    assert not google.is_extrapolated
    assert azure.is_extrapolated
    assert oracle.is_extrapolated

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burst.forecast import Cost, forecast
from burst.spec import Burst
from tests.stacks.gke_config import BASE, burst_of, working
from trainer.refusal import Refusal

NUM_CONFIGS = 1000
NOISE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.text(max_size=12),
    st.just([]),
    st.just({}),
    st.just([1]),
)
"""Of every kind that YAML has; so seldom that many settings are otherwise right."""


def sometimes(usual: st.SearchStrategy[Any], *, of: int = 100) -> st.SearchStrategy[Any]:
    """What a user might write, and once in `of` anything at all."""
    return st.integers(1, of).flatmap(lambda number: NOISE if number == of // 2 else usual)


def mostly(right: st.SearchStrategy[Any], *wrong: Any) -> st.SearchStrategy[Any]:
    """What is right, and now and then what is not."""
    return st.integers(1, 15).flatmap(lambda number: st.sampled_from(wrong) if number == 7 and wrong else sometimes(right))


def maybe(strategies: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A map with any of the keys."""
    return st.fixed_dictionaries({}, optional=strategies)


HOSTS = ("n1-standard-8", "n1-standard-96", "a2-highgpu-1g", "g2-standard-4", "e2-medium", "a3-highgpu-1g")
GROUP = st.fixed_dictionaries(
    {"num_nodes": mostly(st.integers(1, 12), 0, 600), "gpus_per_node": mostly(st.sampled_from([1, 2, 4, 8]), 3, 16)},
    optional={
        "purchase": sometimes(st.sampled_from(["on-demand", "spot", "spot", "flex-start"])),
        "autoscales": mostly(st.just(True), False),
        "host": mostly(st.just(""), *HOSTS),
        "local_ssds": mostly(st.just(0), 1, 2, 8, 16),
    },
)
ACCELERATORS = st.sampled_from(["V100-16GB", "A100-40GB", "A100-80GB", "H100-80GB", "L4-24GB", "T4-16GB", "P100-16GB"])
POOL = st.fixed_dictionaries(
    {
        "accelerator": mostly(ACCELERATORS, "K80", "MI300X-192GB", "v100"),
        "groups": sometimes(st.lists(GROUP, min_size=1, max_size=2)),
    },
    optional={
        "threads_per_rank": mostly(st.integers(1, 4), 64),
        "cpus_per_rank": mostly(st.floats(1, 4), 40.0),
        "memory_gib_per_rank": mostly(st.floats(2, 10), 1e4),
        "shared_memory_gib": mostly(st.floats(0.1, 2), 5e3),
        "min_ranks": mostly(st.just(1), 10**6),
        "max_restarts": mostly(st.integers(0, 9), -2),
        "compact": mostly(st.just(False), True),
        "max_run_hours": mostly(st.floats(0.3, 160), 169, 1e6),
        "gang_timeout_minutes": mostly(st.floats(1, 600), 0.1),
    },
)
STORAGE = maybe(
    {
        "folder": mostly(st.sampled_from(["", "a/b"]), "/a", ".."),
        "cache_gib": mostly(st.floats(0, 5), 500.0),
        "data_path": mostly(st.just("data/x.h5"), "/etc"),
        "storage_class": mostly(st.just(""), "standard-rwx"),
    }
)
CHANGES = maybe(
    {
        "project": mostly(st.just("my-project"), "x", "0-project"),
        "zone": mostly(st.sampled_from(["us-central1-a", "us-central1-b", "europe-west4-a"]), "us-east4-c", "mars-west1-a"),
        "deadline_utc": mostly(st.sampled_from(["2026-11-25T08:00Z", "2026-12-24T18:00Z"]), "2026-11-24T19:10Z", "tomorrow"),
        "base": mostly(st.sampled_from(["gcp-base", BASE, {"stack": "other"}]), {"network": "n"}, "a b"),
        "network": sometimes(maybe({"ip_block": mostly(st.just("172.20.0.0/16"), "10.0.0.0/8", "::1/16")})),
        "storage": mostly(STORAGE, {"size_gib": 1024.0}, {"size_gib": 2048, "storage_class": "standard-rwx"}),
        "cluster": sometimes(maybe({"namespace": mostly(st.just("hepburst-x"), "default"), "queue": sometimes(st.just("q"))})),
        "workload": sometimes(
            st.fixed_dictionaries(
                {"preset": st.just("published"), "num_epochs": sometimes(st.integers(1, 200))},
                optional={
                    "batch_per_rank": mostly(st.integers(2, 16), 1, 90, 4000),
                    "learning_rate": mostly(st.floats(1e-5, 0.1), 2.0),
                    "precision": sometimes(st.sampled_from(["fp32", "bf16"])),
                    "seed": sometimes(st.integers(0, 99)),
                },
            )
        ),
    }
)
EXTRA = st.integers(1, 20).flatmap(lambda number: maybe({"surprise": NOISE, "build": NOISE}) if number == 3 else st.just({}))


def outcome(changes: dict[str, Any], pool: Any, stack: str) -> str:
    """A burst with its forecast, or a clean refusal by one of them; anything else raises."""
    try:
        burst = burst_of({**working(), **changes, "pool": pool}, stack)
    except ExceptionGroup as refused:
        other = refused.split(Refusal)[1]
        if other is not None:
            raise other from None
        return "refused"
    assert isinstance(burst, Burst)
    try:
        cost = forecast(burst)
    except Refusal as refusal:
        return f"refused by the forecast: {str(refusal)[:30]}"
    assert isinstance(cost, Cost)
    assert cost.usd.low <= cost.usd.expected <= cost.usd.high
    return "a burst"


def test_whatever_the_settings_are_they_are_refused_cleanly_or_make_a_burst_with_a_forecast() -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=NUM_CONFIGS,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(changes=CHANGES, extra=EXTRA, pool=sometimes(POOL), stack=mostly(st.just("gke-v100"), "a.b", "X"))
    def check(changes: dict[str, Any], extra: dict[str, Any], pool: Any, stack: Any) -> None:
        outcomes[outcome({**changes, **extra}, pool, str(stack))] += 1

    check()
    assert outcomes["a burst"] > NUM_CONFIGS / 20, outcomes
    assert outcomes["refused"] > NUM_CONFIGS / 20, outcomes

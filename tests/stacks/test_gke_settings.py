from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from burst.cluster import BucketVolume, ImageBuild, NewVolume
from burst.forecast import forecast
from burst.gke import BaseIds
from burst.spec import Burst, Purchase, Target
from stacks import settings
from tests.stacks.gke_config import BASE, IMAGE, NOW, as_the_engine_gives_them, burst_of, working

PROJECT = Path(__file__).parents[2]
STACKS = ("gke-l4", "gke-a100", "gke-h100", "gke-v100")


def test_settings_become_a_burst_on_gke() -> None:
    burst = burst_of(working())
    gke, cluster = burst.gke, burst.cluster
    assert gke is not None
    assert cluster is not None
    assert (gke.name, gke.project, gke.zone, gke.region) == ("hepburst-gke-v100", "my-project", "us-central1-a", "us-central1")
    assert gke.deadline == datetime.datetime(2026, 12, 1, 18, tzinfo=datetime.UTC)
    assert (gke.base, gke.ip_block, gke.max_run_seconds, gke.gang_seconds) == ("gcp-base", "10.64.0.0/16", None, 3600)
    assert (burst.target, burst.region, burst.pool.num_nodes) == (Target.GKE, "gcp/us-central1", 16)
    assert [group.machine_type for group in gke.groups] == ["n1-standard-96"]
    assert burst.workload.run.num_ranks == 128
    assert burst.workload.run.data_path == "/mnt/hepburst/data/sample/angle.h5"
    assert cluster.access.kubeconfig == ".hepburst/gke-v100/kubeconfig"
    assert (cluster.access.context, cluster.access.namespace) == ("hepburst-gke-v100", "hepburst-gke-v100")
    assert (cluster.image, cluster.installs_operator, cluster.volume) == (IMAGE, True, BucketVolume(folder="gke-v100"))
    assert (cluster.workers.num_workers, cluster.workers.slots, cluster.workers.gang_seconds) == (16, 8, 3600)


def test_groups_of_unlike_numbers_of_gpus_train_as_equal_workers_each_on_its_own_node_pool() -> None:
    config = working()
    config["pool"]["groups"] = [
        {"num_nodes": 12, "gpus_per_node": 8, "purchase": "spot"},
        {"num_nodes": 4, "gpus_per_node": 4},
        {"num_nodes": 8, "gpus_per_node": 2, "autoscales": False, "host": "n1-highmem-8"},
    ]
    burst = burst_of(config)
    assert burst.gke is not None
    assert burst.cluster is not None
    names = ["v100-16gb-8x-spot", "v100-16gb-4x-on-demand", "v100-16gb-2x-on-demand"]
    assert [group.name for group in burst.gke.groups] == names
    assert [dict(group.node_labels) for group in burst.cluster.workers.groups] == [
        {"cloud.google.com/gke-nodepool": name} for name in names
    ]
    assert [(pool.purchase, pool.num_nodes) for pool in burst.pools] == [
        (Purchase.SPOT, 12),
        (Purchase.ON_DEMAND, 4),
        (Purchase.ON_DEMAND, 8),
    ]
    assert (burst.cluster.workers.slots, burst.workload.run.num_ranks) == (2, 128)
    assert burst.cluster.workers.cpus_per_rank == 3.5, "the poorest node, of 8 CPUs, decides"


@pytest.mark.parametrize(
    ("storage", "volume"),
    [
        ({"folder": "shared/2026", "cache_gib": 0}, BucketVolume(folder="shared/2026", cache_gib=0)),
        ({"size_gib": 1024, "storage_class": "standard-rwx"}, NewVolume(size_gib=1024, storage_class="standard-rwx")),
    ],
)
def test_data_and_runs_lie_in_the_base_s_bucket_or_on_a_new_volume(storage: dict[str, Any], volume: object) -> None:
    cluster = burst_of({**working(), "storage": storage}).cluster
    assert cluster is not None
    assert cluster.volume == volume


def test_the_base_is_a_stack_or_what_it_would_tell() -> None:
    by_name, by_ids = burst_of({**working(), "base": "our-base"}), burst_of({**working(), "base": BASE})
    assert by_name.gke is not None
    assert by_ids.gke is not None
    assert by_name.gke.base == "our-base"
    assert by_ids.gke.base == BaseIds(**BASE)


def test_a_built_image_goes_to_the_registry_that_the_base_is_known_to_have() -> None:
    config = {**working(), "base": BASE, "build": {}}
    del config["image"]
    cluster = burst_of(config).cluster
    assert cluster is not None
    assert cluster.image == ImageBuild(repository=f"{BASE['repository']}/trainer", variant="cuda")


def test_the_deadline_is_judged_when_a_burst_is_deployed_and_not_when_it_is_looked_at() -> None:
    texts = as_the_engine_gives_them({**working(), "deadline_utc": "2026-11-01T18:00Z"})
    assert settings.to_burst(texts, stack="gke-v100").gke is not None
    with pytest.raises(ExceptionGroup):
        settings.to_burst(texts, stack="gke-v100", now=NOW)


def test_the_same_settings_on_another_day_are_the_same_burst() -> None:
    texts = as_the_engine_gives_them(working())
    later = NOW + datetime.timedelta(days=3)
    assert settings.to_burst(texts, stack="a", now=NOW) == settings.to_burst(texts, stack="a", now=later)


def shipped(stack: str) -> dict[str, Any]:
    config = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    return {key.removeprefix("hepburst:"): value for key, value in config.items()}


def filled_in(stack: str) -> Burst:
    given = {"project": "my-project", "image": IMAGE, "deadline_utc": "2026-12-01T18:00Z"}
    return burst_of({**shipped(stack), **given}, stack)


@pytest.mark.parametrize("stack", STACKS)
def test_a_shipped_stack_asks_for_what_only_its_owner_knows_and_says_how_it_is_set(stack: str) -> None:
    with pytest.raises(ExceptionGroup) as asked:
        burst_of(shipped(stack), stack)
    told = [str(refusal) for refusal in asked.value.exceptions]
    assert [line.partition("to mend it: ")[2].rpartition(" ")[0] for line in told] == [
        "pulumi config set hepburst:project",
        "pulumi config set hepburst:deadline_utc",
        "pulumi config set hepburst:image",
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_a_shipped_stack_passes_with_the_shipped_sample_and_has_a_forecast(stack: str) -> None:
    assert forecast(filled_in(stack)).usd.expected > 0


def test_the_recommended_stack_is_the_cheapest_of_all() -> None:
    usd = {stack: forecast(filled_in(stack)).usd.expected for stack in STACKS}
    assert min(usd, key=usd.__getitem__) == "gke-l4"
    assert 1.5 < usd["gke-l4"] < 3, "the file says about 2 USD"


def test_the_shipped_stacks_can_live_at_one_time_in_one_network() -> None:
    assert len({shipped(stack)["network"]["ip_block"] for stack in STACKS}) == len(STACKS)


def test_a_time_that_yaml_reads_as_such_is_refused_and_not_a_fault(tmp_path: Path) -> None:
    config = {f"hepburst:{key}": value for key, value in working().items()} | {"hepburst:deadline_utc": NOW}
    (tmp_path / "Pulumi.gke.yaml").write_text(yaml.safe_dump({"config": json.loads(json.dumps(config, default=str))}))
    (tmp_path / "Pulumi.time.yaml").write_text(yaml.safe_dump({"config": config}))
    for stack in ("gke", "time"):
        with pytest.raises(ExceptionGroup) as refused:
            settings.from_file(stack, tmp_path)
        assert "hepburst:deadline_utc is" in str(refused.value.exceptions[0])

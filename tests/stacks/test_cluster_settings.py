from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from burst.cluster import ExistingClaim, ImageBuild, NewVolume, NfsExport
from burst.spec import Burst, Purchase, Target
from stacks import settings

PROJECT = Path(__file__).parents[2]
IMAGE = "registry.example.org/group/trainer@sha256:" + "1f" * 32


@pytest.fixture
def config() -> dict[str, Any]:
    """Settings that work, as Python values."""
    return {
        "target": "kubernetes",
        "data": "sample/fixed",
        "image": IMAGE,
        "workload": {"preset": "demo", "num_epochs": 2},
        "cluster": {"context": "cern"},
        "storage": {"size_gib": 10},
        "pool": {
            "region": "gcp/europe-west6",
            "groups": [{"num_nodes": 2, "ranks_per_node": 8}],
            "memory_gib_per_rank": 16,
            "threads_per_rank": 4,
        },
    }


def burst_of(config: dict[str, Any], stack: str = "onprem") -> Burst:
    as_pulumi_gives_them = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return settings.to_burst(as_pulumi_gives_them, stack=stack)


def mistakes_of(config: dict[str, Any], stack: str = "onprem") -> list[str]:
    with pytest.raises(ExceptionGroup) as mistakes:
        burst_of(config, stack)
    return [str(mistake) for mistake in mistakes.value.exceptions]


def test_settings_become_a_burst_in_a_cluster(config: dict[str, Any]) -> None:
    burst = burst_of(config)
    cluster, pool, run = burst.cluster, burst.pool, burst.workload.run
    assert cluster is not None
    assert pool.shape is not None
    assert (cluster.access.context, cluster.access.namespace) == ("cern", "hepburst-onprem")
    assert (cluster.workers.num_workers, cluster.workers.slots, cluster.workers.cpus_per_rank) == (2, 8, 4)
    assert (run.num_ranks, run.threads_per_rank, run.image_digest) == (16, 4, "")
    assert (pool.target, pool.purchase, pool.num_nodes) == (Target.KUBERNETES, Purchase.OWNED, 2)
    assert (pool.shape.vcpus, pool.shape.memory_gib) == (32, 128)


def test_samples_lie_on_the_volume_by_their_names_and_ones_own_data_where_they_are_said_to(
    config: dict[str, Any], toy_showers: Path
) -> None:
    assert burst_of(config).workload.run.data_path == "/mnt/hepburst/data/sample/fixed.h5"
    config["data"] = str(toy_showers)
    config["workload"]["batch_per_rank"] = 2
    assert burst_of(config).workload.run.data_path == f"/mnt/hepburst/data/{toy_showers.name}"
    config["storage"]["data_path"] = "sets/2026/toy.h5"
    assert burst_of(config).workload.run.data_path == "/mnt/hepburst/sets/2026/toy.h5"


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ({"size_gib": 2.5, "storage_class": "fast"}, NewVolume(size_gib=2.5, storage_class="fast")),
        ({"claim": "data"}, ExistingClaim(name="data")),
        ({"nfs": {"server": "nfs", "path": "/hep"}}, NfsExport(server="nfs", path="/hep")),
    ],
)
def test_storage_is_new_or_there_or_nfs(config: dict[str, Any], storage: dict[str, Any], expected: object) -> None:
    cluster = burst_of({**config, "storage": storage}).cluster
    assert cluster is not None
    assert cluster.volume == expected


def test_an_image_can_be_built(config: dict[str, Any]) -> None:
    del config["image"]
    cluster = burst_of({**config, "build": {"repository": "registry.example.org/trainer", "variant": "cuda"}}).cluster
    assert cluster is not None
    assert cluster.image == ImageBuild(repository="registry.example.org/trainer", variant="cuda")


MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown key": ({"cluster": {"contxt": "x"}}, ["hepburst:cluster.contxt is no setting", "did you mean context?"]),
    "an unknown key in a list": (
        {"pool": {"groups": [{"num_nodes": 2, "ranks": 1}]}},
        ["hepburst:pool.groups[0].ranks is no setting", "hepburst:pool.groups[0].ranks_per_node is missing"],
    ),
    "a list that is none": ({"pool": {"groups": 3}}, ["hepburst:pool.groups is 3; expected a list of maps"]),
    "no groups": ({"pool": {"groups": []}}, ["hepburst:pool.groups is empty"]),
    "no nodes": (
        {"pool": {"groups": [{"num_nodes": 0, "ranks_per_node": 1}]}},
        ["hepburst:pool.groups[0].num_nodes is 0; expected 1 or more"],
    ),
    "no memory": ({"pool": {"memory_gib_per_rank": 0}}, ["hepburst:pool.memory_gib_per_rank is 0; expected above 0"]),
    "too many least ranks": ({"pool": {"min_ranks": 17}}, ["hepburst:pool.min_ranks is 17; expected 1 to 16"]),
    "an unknown accelerator": ({"pool": {"accelerator": "V100-16G"}}, ["did you mean V100-16GB?"]),
    "an unknown region": ({"pool": {"region": "gcp/europe-west66"}}, ["did you mean gcp/europe-west6?"]),
    "a namespace in capitals": ({"cluster": {"namespace": "HEP"}}, ["hepburst:cluster.namespace is 'HEP'; expected up to 63"]),
    "somebody else's namespace": (
        {"cluster": {"namespace": "physics"}},
        ["hepburst:cluster.namespace is 'physics', and own_namespace is true", "begins with hepburst-"],
    ),
    "no volume": ({"storage": {"size_gib": None}}, ["hepburst:storage has no volume; expected one of size_gib"]),
    "two volumes": ({"storage": {"claim": "data"}}, ["hepburst:storage has size_gib and claim"]),
    "a volume of nothing": ({"storage": {"size_gib": 0}}, ["hepburst:storage.size_gib is 0; expected above 0"]),
    "data outside the volume": ({"storage": {"data_path": "../x.h5"}}, ["relative to the volume"]),
    "no image": ({"image": None}, ["there is neither hepburst:image nor hepburst:build"]),
    "two images": ({"build": {"repository": "x"}}, ["hepburst:image and hepburst:build are both set"]),
    "another operator": ({"cluster": {"mpi_operator": "instal"}}, ["did you mean install?"]),
    "a flag that is none": ({"cluster": {"own_namespace": 3}}, ["expected true or false"]),
    "a run that cannot be": ({"workload": {"num_epochs": 0}}, ["hepburst:workload.num_epochs is 0; expected 1 or more"]),
    "threads that cannot be": ({"pool": {"threads_per_rank": 0}}, ["hepburst:pool.threads_per_rank is 0"]),
    "too large a batch": ({"workload": {"batch_per_rank": 512}}, ["a batch of 512 on each of 16 ranks"]),
    "a setting of another target": ({"pool": {"num_ranks": 2}}, ["hepburst:pool.num_ranks is no setting"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_by_its_full_name(config: dict[str, Any], mistake: str) -> None:
    changes, expected = MISTAKES[mistake]
    for section, values in changes.items():
        config[section] = {**config.get(section, {}), **values} if isinstance(values, dict) else values
    found = "\n".join(mistakes_of({key: value for key, value in config.items() if value is not None}))
    for words in expected:
        assert words in found, found


def test_a_stack_whose_name_is_no_namespace_is_refused(config: dict[str, Any]) -> None:
    assert "hepburst:cluster.namespace is 'hepburst-on.prem'" in "\n".join(mistakes_of(config, stack="on.prem"))


def test_all_mistakes_are_told_at_once(config: dict[str, Any]) -> None:
    config["storage"] = {}
    config["cluster"] = {"namespace": "A"}
    config["workload"]["seed"] = -1
    config["pool"]["memory_gib_per_rank"] = -2
    assert len(mistakes_of(config)) == 4


def test_the_settings_of_the_stack_onprem_are_right() -> None:
    burst = settings.from_file("onprem", PROJECT)
    assert burst.cluster is not None
    assert burst.cluster.access.kubeconfig == ".hepburst/rehearsal/kubeconfig"
    assert burst.workload.run.num_ranks == 2


def test_data_in_an_object_store_are_looked_at_here_and_named_by_their_address(
    config: dict[str, Any], toy_showers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    try:
        host, port = store.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "HEPBURST_DATA_CACHE": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="hep")
        client.upload_file(str(toy_showers), "hep", "toy.h5")
        config["data"] = "s3://hep/toy.h5"
        config["workload"]["batch_per_rank"] = 2
        burst = burst_of(config)
    finally:
        store.stop()
    assert burst.workload.run.data_path == burst.workload.dataset.path == "s3://hep/toy.h5"
    assert burst.workload.dataset.num_showers == 64

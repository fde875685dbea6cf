from __future__ import annotations

from typing import Any

import pytest

from burst.forecast import forecast
from tests.stacks.gke_config import BASE, burst_of, working
from trainer.refusal import Refusal

H100 = {"accelerator": "H100-80GB"}
A100 = {"accelerator": "A100-40GB", "groups": [{"num_nodes": 1, "gpus_per_node": 8}]}
L4 = {"accelerator": "L4-24GB", "groups": [{"num_nodes": 2, "gpus_per_node": 1}]}


def group(**values: Any) -> dict[str, Any]:
    """A pool whose only group has these values."""
    return {"groups": [{"num_nodes": 16, "gpus_per_node": 8, **values}]}


MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    # What only its owner knows.
    "no project": ({"project": None}, ["hepburst:project is missing", "pulumi config set hepburst:project MY-PROJECT"]),
    "a project's number": ({"project": "123456789012"}, ["hepburst:project is '123456789012'; expected a project's id"]),
    "a project's name": ({"project": "My Project"}, ["hepburst:project is 'My Project'"]),
    "no image": ({"image": None}, ["there is neither hepburst:image nor hepburst:build", "pulumi config set hepburst:image"]),
    "an image without a digest": (
        {"image": "us-central1-docker.pkg.dev/my-project/hepburst/trainer:1.0"},
        ["trainer:1.0 has no digest"],
    ),
    "an image and a build": ({"build": {"repository": "r/x"}}, ["hepburst:image and hepburst:build are both set"]),
    "a build for nowhere": ({"image": None, "build": {}}, ["hepburst:build.repository is missing", "pulumi stack output"]),
    "an unknown variant": ({"image": None, "build": {"variant": "cuad"}}, ["did you mean cuda?"]),
    # The deadline; the clock stands at 2026-11-24 19:00 UTC.
    "no deadline": (
        {"deadline_utc": None},
        ["hepburst:deadline_utc is missing", "pulumi config set hepburst:deadline_utc 2026-11-25T03:00Z"],
    ),
    "a deadline that is past": ({"deadline_utc": "2026-11-24T18:59Z"}, ["which is past; expected a time to come"]),
    "a deadline that is too near": ({"deadline_utc": "2026-11-24T19:29Z"}, ["too near; expected 30 minutes from now"]),
    "a deadline that is too far": ({"deadline_utc": "2027-05-24T19:01Z"}, ["too far; expected 180 days from now"]),
    "a deadline in another zone": ({"deadline_utc": "2026-12-01T18:00+01:00"}, ["expected YYYY-MM-DDThh:mmZ, in UTC"]),
    "a deadline without a zone": ({"deadline_utc": "2026-12-01T18:00"}, ["expected YYYY-MM-DDThh:mmZ, in UTC"]),
    "a deadline on no day": ({"deadline_utc": "2026-02-30T18:00Z"}, ["'2026-02-30T18:00Z', which is no day or time"]),
    # Where.
    "a zone that is none": ({"zone": "us-central1"}, ["the zone 'us-central1'; expected one like us-central1-a"]),
    "an unknown region": ({"zone": "us-centrall1-a"}, ["us-centrall1", "did you mean"]),
    "a zone without the accelerator": (
        {"zone": "us-central1-z"},
        ["no V100-16GB in zone us-central1-z (did you mean us-central1-"],
    ),
    "a region without the accelerator": ({"zone": "us-east4-a"}, ["V100-16GB in region us-east4"]),
    "no zone": ({"zone": None}, ["hepburst:zone is missing; expected text"]),
    # Which machines.
    "an unknown accelerator": ({"pool": {"accelerator": "V100-16G"}}, ["did you mean V100-16GB?"]),
    "a retired accelerator": ({"pool": {"accelerator": "K80", **group(gpus_per_node=1)}}, ["K80: retired on 2024-05-01"]),
    "an accelerator of another cloud": ({"pool": {"accelerator": "MI300X-192GB"}}, ["no GKE accelerator MI300X-192GB"]),
    "three GPUs a node": ({"pool": group(gpus_per_node=3)}, ["3 x V100-16GB on one N1 node; expected one of 1, 2, 4, 8"]),
    "sixteen V100 a node": ({"pool": group(gpus_per_node=16)}, ["16 x V100-16GB"]),
    "no GPUs a node": ({"pool": group(gpus_per_node=0)}, ["hepburst:pool.groups[0]: gpus_per_node is 0"]),
    "no nodes": ({"pool": group(num_nodes=0)}, ["hepburst:pool.groups[0]: num_nodes is 0; expected 1 or more"]),
    "a host beyond the limits": (
        {"pool": group(gpus_per_node=1, host="n1-standard-96")},
        ["1 x V100-16GB on n1-standard-96 (96 vCPUs", "expected a host of 12 vCPUs and 78 GiB at most"],
    ),
    "a host that there is not": ({"pool": group(host="n1-standard-69")}, ["did you mean n1-standard-96?"]),
    "a host of another family": ({"pool": group(host="a2-highgpu-8g")}, ["a2-highgpu-8g"]),
    "a host with another number of GPUs": (
        {"pool": {**A100, "groups": [{"num_nodes": 1, "gpus_per_node": 8, "host": "a2-highgpu-4g"}]}},
        ["a2-highgpu-4g with 8 x A100-40GB; expected 4"],
    ),
    "one H100 on demand": (
        {"pool": {**H100, **group(num_nodes=1, gpus_per_node=1)}},
        ["a3-highgpu-1g", "A3 High with fewer than 8 GPUs is sold as spot and flex-start only"],
    ),
    "V100 flex-start": ({"pool": group(purchase="flex-start")}, ["flex-start", "spot or on-demand"]),
    "an unknown purchase": ({"pool": group(purchase="spott")}, ["did you mean spot?", "on-demand or spot or flex-start"]),
    "owned machines of Google's": ({"pool": group(purchase="owned")}, ["hepburst:pool.groups[0].purchase is 'owned'"]),
    "fixed flex-start nodes": (
        {"pool": {**A100, "groups": [{"num_nodes": 1, "gpus_per_node": 8, "purchase": "flex-start", "autoscales": False}]}},
        ["flex-start nodes with autoscales false"],
    ),
    "five local SSDs too many": (
        {"pool": group(local_ssds=13)},
        ["13 local SSDs on n1-standard-96+8xV100-16GB; expected 1, 2"],
    ),
    "fewer local SSDs than none": ({"pool": group(local_ssds=-1)}, ["-1 local SSDs on"]),
    "N1 hosts near each other": ({"pool": {"compact": True}}, ["hepburst:pool.compact is true, and n1-standard-96"]),
    "two accelerators": ({"pool": group(accelerator="T4-16GB")}, ["hepburst:pool.groups[0].accelerator is no setting"]),
    "no groups": ({"pool": {"groups": []}}, ["hepburst:pool.groups is empty"]),
    "groups that are none": ({"pool": {"groups": 3}}, ["hepburst:pool.groups is 3; expected a list of maps"]),
    "two equal groups": (
        {"pool": {"groups": [{"num_nodes": 4, "gpus_per_node": 8}, {"num_nodes": 2, "gpus_per_node": 8}]}},
        ["two groups v100-16gb-8x-on-demand", "merge them"],
    ),
    "more nodes than there are addresses": ({"pool": group(num_nodes=510)}, ["has 510 nodes; expected 509 or fewer"]),
    # What the ranks have of them.
    "a batch beyond the GPU's memory": (
        {"workload": {"batch_per_rank": 97}},
        ["hepburst:workload.batch_per_rank is 97 on V100-16GB; expected 96 or less"],
    ),
    "a batch beyond the data": (
        {"workload": {"batch_per_rank": 7}},
        ["a batch of 7 on each of 128 ranks is more than the 800"],
    ),
    "more CPUs than the host has": (
        {"pool": {"cpus_per_rank": 12}},
        ["hepburst:pool.cpus_per_rank is 12; expected above 0 and 11.8 or less, what GKE leaves of n1-standard-96"],
    ),
    "more memory than the host has": ({"pool": {"memory_gib_per_rank": 45}}, ["hepburst:pool.memory_gib_per_rank is 45"]),
    "no memory": ({"pool": {"memory_gib_per_rank": 0}}, ["hepburst:pool.memory_gib_per_rank is 0; expected above 0"]),
    "more threads than CPUs": ({"pool": {"threads_per_rank": 12}}, ["hepburst:pool.threads_per_rank is 12"]),
    "no threads": ({"pool": {"threads_per_rank": 0}}, ["hepburst:pool.threads_per_rank is 0; expected 1 or more"]),
    "more shared memory than memory": ({"pool": {"shared_memory_gib": 400}}, ["hepburst:pool.shared_memory_gib is 400"]),
    "no shared memory": ({"pool": {"shared_memory_gib": 0}}, ["hepburst:pool.shared_memory_gib is 0; expected above 0"]),
    "too many least ranks": ({"pool": {"min_ranks": 129}}, ["hepburst:pool.min_ranks is 129; expected 1 to 128"]),
    "fewer restarts than none": ({"pool": {"max_restarts": -1}}, ["hepburst:pool.max_restarts is -1; expected 0 or more"]),
    "no time for a node": ({"pool": {"max_run_hours": 0}}, ["hepburst:pool.max_run_hours is 0; expected 0.25 to 2880"]),
    "flex-start for more than seven days": (
        {"pool": {**A100, "groups": [{"num_nodes": 1, "gpus_per_node": 8, "purchase": "flex-start"}], "max_run_hours": 169}},
        ["hepburst:pool.max_run_hours is 169; expected 0.25 to 168"],
    ),
    "no patience": ({"pool": {"gang_timeout_minutes": 0}}, ["hepburst:pool.gang_timeout_minutes is 0; expected 1 to 10080"]),
    "a number that is none": ({"pool": {"max_run_hours": "nan"}}, ["hepburst:pool.max_run_hours is nan"]),
    # Network, base, storage.
    "a block that is too small": ({"network": {"ip_block": "10.64.0.0/20"}}, ["expected a private IPv4 block of /16"]),
    "a public block": ({"network": {"ip_block": "8.8.0.0/16"}}, ["hepburst:network.ip_block is '8.8.0.0/16'"]),
    "a block with a host in it": ({"network": {"ip_block": "10.64.1.0/16"}}, ["hepburst:network.ip_block is '10.64.1.0/16'"]),
    "a block that is none": ({"network": {"ip_block": "ten"}}, ["hepburst:network.ip_block is 'ten'"]),
    "a base that is no stack": ({"base": "gcp base"}, ["hepburst:base is 'gcp base'"]),
    "half a base": (
        {"base": {"network": "hepburst"}},
        ["hepburst:base.bucket is missing", "hepburst:base.deadline_account is"],
    ),
    "a base and its ids": ({"base": {**BASE, "stack": "gcp-base"}}, ["hepburst:base has a stack and network"]),
    "an account that is none": ({"base": {**BASE, "node_account": "nodes"}}, ["hepburst:base.node_account is 'nodes'"]),
    "a bucket by its address": ({"base": {**BASE, "bucket": "gs://b"}}, ["hepburst:base.bucket is 'gs://b'"]),
    "a base that is a number": ({"base": 3}, ["hepburst:base is 3"]),
    "two volumes": ({"storage": {"size_gib": 1024, "cache_gib": 5}}, ["hepburst:storage has size_gib and cache_gib"]),
    "a class for no volume": ({"storage": {"storage_class": "standard-rwx"}}, ["storage_class without size_gib"]),
    "a volume that one node alone can write": (
        {"storage": {"size_gib": 1024}},
        ["size_gib without storage_class", "ReadWriteMany"],
    ),
    "a volume of nothing": (
        {"storage": {"size_gib": 0, "storage_class": "standard-rwx"}},
        ["hepburst:storage.size_gib is 0; expected above 0"],
    ),
    "a cache beyond the disk": ({"storage": {"cache_gib": 100}}, ["hepburst:storage.cache_gib is 100; expected 38 or less"]),
    "less cache than none": ({"storage": {"cache_gib": -1}}, ["hepburst:storage.cache_gib is -1; expected 0 or more"]),
    "a folder outside the bucket": ({"storage": {"folder": "../x"}}, ["hepburst:storage.folder is '../x'"]),
    "data outside the volume": ({"storage": {"data_path": "/etc/x.h5"}}, ["relative to the volume"]),
    # The cluster.
    "somebody else's namespace": ({"cluster": {"namespace": "default"}}, ["hepburst:cluster.namespace is 'default'"]),
    "a secret in place of its name": (
        {"cluster": {"pull_secret": '{"auths":{}}'}},
        ["hepburst:cluster.pull_secret is", "up to 63 lower-case letters"],
    ),
    "a password in place of a secret's name": (
        {"storage": {"data_secret": "AKIA/Secret+"}},
        ["hepburst:storage.data_secret is"],
    ),
    "a queue in capitals": ({"cluster": {"queue": "GPU"}}, ["hepburst:cluster.queue is 'GPU'"]),
    "another operator": ({"cluster": {"mpi_operator": "instal"}}, ["did you mean install?"]),
    # Slips of the pen.
    "an unknown key": ({"deadline": "2026-12-01T18:00Z"}, ["hepburst:deadline is no setting (did you mean deadline_utc?)"]),
    "an unknown key in a map": ({"pool": {"max_run_hour": 3}}, ["max_run_hour is no setting (did you mean max_run_hours?)"]),
    "an unknown key in a list": ({"pool": group(num_gpus=8)}, ["hepburst:pool.groups[0].num_gpus is no setting"]),
    "a key of another target": ({"pool": {"region": "gcp/us-central1"}}, ["hepburst:pool.region is no setting"]),
    "text for a number": ({"pool": group(num_nodes="many")}, ["hepburst:pool.groups[0].num_nodes is 'many'; expected a whole"]),
    "half a node": ({"pool": group(num_nodes=1.5)}, ["hepburst:pool.groups[0].num_nodes is 1.5; expected a whole number"]),
    "a flag that is none": ({"pool": {"compact": "yes"}}, ["hepburst:pool.compact is 'yes'; expected true or false"]),
    "a pool that is none": ({"pool": "V100"}, ["hepburst:pool is 'V100'; expected a map of settings"]),
    "a run that cannot be": ({"workload": {"num_epochs": 0}}, ["hepburst:workload.num_epochs is 0; expected 1 or more"]),
    "showers of another preset": ({"workload": {"preset": "demo"}}, ["51 x 51 x 25 cells for preset demo"]),
    "showers that are not there": ({"data": "sample/angel"}, ["did you mean sample/angle?"]),
}


def with_changes(changes: dict[str, Any]) -> dict[str, Any]:
    """Settings that work but for the changes; None removes one."""
    config = working()
    for section, values in changes.items():
        config[section] = {**config.get(section, {}), **values} if isinstance(values, dict) else values
    return {key: value for key, value in config.items() if value is not None}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_before_anything_is_made(mistake: str) -> None:
    changes, expected = MISTAKES[mistake]
    with pytest.raises(ExceptionGroup) as refused:
        burst_of(with_changes(changes))
    assert all(isinstance(each, Refusal) for each in refused.value.exceptions)
    told = "\n".join(str(each) for each in refused.value.exceptions)
    for words in expected:
        assert words in told, told


def test_a_mistake_is_told_once_and_alone() -> None:
    counts = {}
    for mistake, (changes, _) in MISTAKES.items():
        with pytest.raises(ExceptionGroup) as refused:
            burst_of(with_changes(changes))
        if len(refused.value.exceptions) > 1:
            counts[mistake] = [str(each) for each in refused.value.exceptions]
    assert set(counts) == {"half a base"}, counts


@pytest.mark.parametrize("stack", ["Gke", "gke.v100", "gke-", "gke-v100-of-the-whole-collaboration-x"])
def test_a_stack_whose_name_is_no_cluster_s_is_refused(stack: str) -> None:
    with pytest.raises(ExceptionGroup) as refused:
        burst_of(working(), stack)
    assert any("up to 31 lower-case letters, digits and hyphens" in str(each) for each in refused.value.exceptions)


def test_the_longest_name_of_a_stack_is_taken_whole() -> None:
    gke = burst_of(working(), "a" * 31).gke
    assert gke is not None
    assert len(gke.name) == 40


def test_all_mistakes_are_told_at_once() -> None:
    config = with_changes(
        {
            "project": "X",
            "deadline_utc": "2026-11-01T00:00Z",
            "image": None,
            "network": {"ip_block": "1.2.0.0/16"},
            "workload": {"seed": -1},
            "storage": {"folder": "/"},
            "cluster": {"queue": "A B"},
            "pool": {
                "groups": [{"num_nodes": 1, "gpus_per_node": 3}, {"num_nodes": 0, "gpus_per_node": 8}],
                "max_run_hours": 0,
            },
        }
    )
    with pytest.raises(ExceptionGroup) as refused:
        burst_of(config)
    assert len(refused.value.exceptions) == 10


def test_what_is_wrong_with_all_groups_alike_is_told_once() -> None:
    config = with_changes({"zone": "us-central1-z"})
    config["pool"]["groups"] = [{"num_nodes": 1, "gpus_per_node": number} for number in (1, 2, 4, 8)]
    with pytest.raises(ExceptionGroup) as refused:
        burst_of(config)
    assert len(refused.value.exceptions) == 1


def test_what_works_has_a_forecast() -> None:
    assert forecast(burst_of(working())).usd.expected > 0

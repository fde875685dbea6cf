from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pulumi import ResourceOptions
from pulumi._types import input_type_to_dict, is_input_type
from pulumi.runtime import mocks

from burst.gke import GkeCluster, GpuGroup
from burst.ip_block import MAX_GPU_NODES, ranges
from burst.spec import Purchase, Shape
from components.gcp.cluster import TIMEOUT_MINUTES, Cluster, ClusterArgs, cluster_inputs, system_pool_inputs
from components.gcp.deadline import (
    FIRST_RETRY_SECONDS,
    LAST_RETRY_SECONDS,
    NUM_RETRIES,
    Deadline,
    DeadlineArgs,
    cluster_delete_uri,
    job_inputs,
    router_delete_uri,
    schedule,
)
from components.gcp.gpu_pool import GpuPool, GpuPoolArgs, driver_version, pool_inputs
from components.gcp.kubeconfig import kubeconfig
from components.gcp.labels import labels
from components.gcp.network import BurstNetwork, BurstNetworkArgs
from components.gcp.trainer_identity import TrainerIdentity, TrainerIdentityArgs
from tests.components.recorder import registered_by
from trainer.refusal import Refusal

WHEN = datetime.datetime(2026, 12, 1, 18, 5, tzinfo=datetime.UTC)
V100 = Shape(
    provider="gcp",
    name="n1-standard-96+8xV100-16GB",
    accelerator="V100-16GB",
    num_accelerators=8,
    vcpus=96,
    memory_gib=360,
)
GROUP = GpuGroup(shape=V100, num_nodes=16, purchase=Purchase.SPOT)
GKE = GkeCluster(name="hepburst-v100", project="sandbox-p", zone="us-central1-a", groups=(GROUP,), deadline=WHEN)
LABELS = labels("v100", GKE)
ENDPOINT = "gke-0a1b.us-central1.gke.goog"
CLUSTER_TYPE, POOL_TYPE = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
OUTPUTS: dict[str, dict[str, Any]] = {
    CLUSTER_TYPE: {"controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": ENDPOINT}}},
    "gcp:compute/subnetwork:Subnetwork": {"selfLink": "https://subnetwork"},
}


def plain(value: Any) -> Any:
    """What the engine would be told of inputs, by the names that it knows."""
    if is_input_type(type(value)):
        return {name: plain(inner) for name, inner in input_type_to_dict(value).items()}
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def cluster_args(gke: GkeCluster = GKE, **more: Any) -> ClusterArgs:
    return ClusterArgs(gke=gke, network="net", subnetwork="sub", node_account="nodes@p", labels=LABELS, **more)


def cluster(gke: GkeCluster = GKE, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = plain(cluster_inputs(cluster_args(gke, **more)))
    return found


def pool(group: GpuGroup = GROUP, gke: GkeCluster = GKE, driver: str = "DEFAULT") -> dict[str, Any]:
    args = GpuPoolArgs(
        gke=gke,
        group=group,
        cluster_name=gke.name,
        node_account="nodes@p",
        labels=LABELS,
        accelerator_type="nvidia-tesla-v100",
        driver_version=driver,
    )
    found: dict[str, Any] = plain(pool_inputs(args))
    return found


def whole_burst() -> None:
    """As a stack puts the parts together."""
    deadline = Deadline("deadline", DeadlineArgs(gke=GKE, account="deadline@p"))
    guarded = ResourceOptions(depends_on=[deadline])
    network = BurstNetwork("network", BurstNetworkArgs(gke=GKE, network="net"), opts=guarded)
    made = Cluster(
        "cluster",
        ClusterArgs(
            gke=GKE,
            network="hepburst",
            subnetwork=network.subnetwork_name,
            node_account="nodes@p",
            labels=LABELS,
        ),
        opts=guarded,
    )
    GpuPool(
        "gpus",
        GpuPoolArgs(
            gke=GKE,
            group=GROUP,
            cluster_name=made.cluster_name,
            node_account="nodes@p",
            labels=LABELS,
            accelerator_type="nvidia-tesla-v100",
            driver_version="DEFAULT",
        ),
    )
    identity = TrainerIdentityArgs(
        project=GKE.project, namespace="hepburst-v100", trainer_account="trainer@p", workload_pool=made.workload_pool
    )
    TrainerIdentity("identity", identity)


def needed_by(program: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Of each resource all that must be there before it, by type and name: as the engine does, its component's needs too."""
    direct: dict[str, set[str]] = {}
    register = mocks.MockMonitor.RegisterResource

    def short(urn: str) -> str:
        kind, name = urn.split("::")[-2:]
        return f"{kind.rpartition('$')[2]} {name}"

    def watched(monitor: mocks.MockMonitor, request: Any) -> Any:
        direct[f"{request.type} {request.name}"] = {short(urn) for urn in [*request.dependencies, request.parent] if urn}
        return register(monitor, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(mocks.MockMonitor, "RegisterResource", watched)
    registered_by(program, OUTPUTS)

    def all_of(name: str) -> set[str]:
        return direct[name].union(*(all_of(each) for each in direct[name]))

    return {name: all_of(name) for name in direct}


def test_whatever_is_billed_is_made_after_the_jobs_that_delete_it(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = needed_by(whole_burst, monkeypatch)
    jobs = {"gcp:cloudscheduler/job:Job deadline-cluster", "gcp:cloudscheduler/job:Job deadline-router"}
    billed = {
        f"{CLUSTER_TYPE} cluster",
        f"{POOL_TYPE} system",
        f"{POOL_TYPE} gpus",
        "gcp:compute/router:Router network",
        "gcp:compute/routerNat:RouterNat network",
    }
    assert billed <= set(needed)
    for name in billed:
        assert jobs <= needed[name], name


def test_gpu_nodes_come_after_a_node_without_gpus_so_that_gke_taints_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {f"{CLUSTER_TYPE} cluster", f"{POOL_TYPE} system"} <= needed_by(whole_burst, monkeypatch)[f"{POOL_TYPE} gpus"]


def test_pods_are_bound_to_their_account_once_the_cluster_has_made_the_identity_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = needed_by(whole_burst, monkeypatch)["gcp:serviceaccount/iAMMember:IAMMember identity"]
    assert f"{CLUSTER_TYPE} cluster" in needed


def test_the_cluster_does_not_wait_for_the_nat_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = needed_by(whole_burst, monkeypatch)[f"{CLUSTER_TYPE} cluster"]
    assert "gcp:compute/subnetwork:Subnetwork network" in needed
    assert "gcp:compute/routerNat:RouterNat network" not in needed


def test_a_burst_owns_these_resources_and_all_have_its_name_or_their_groups() -> None:
    registered = registered_by(whole_burst, OUTPUTS)
    named = {
        key.partition(" ")[0].rpartition(":")[2]: args.inputs.get("name") for key, args in registered.items() if args.custom
    }
    assert named["Cluster"] == named["Subnetwork"] == named["Router"] == named["RouterNat"] == "hepburst-v100"
    jobs = {args.inputs["name"] for args in registered.values() if args.typ.endswith(":Job")}
    assert jobs == {f"hepburst-v100-us-central1-a-delete-{what}" for what in ("cluster", "router")}
    assert registered[f"{POOL_TYPE} gpus"].inputs["name"] == "v100-16gb-8x-spot"
    assert registered[f"{POOL_TYPE} gpus"].inputs["cluster"] == "hepburst-v100"


def test_only_the_trainers_kubernetes_account_may_act_as_the_trainers() -> None:
    binding = registered_by(whole_burst, OUTPUTS)["gcp:serviceaccount/iAMMember:IAMMember identity"].inputs
    assert binding == {
        "serviceAccountId": "projects/sandbox-p/serviceAccounts/trainer@p",
        "role": "roles/iam.workloadIdentityUser",
        "member": "serviceAccount:sandbox-p.svc.id.goog[hepburst-v100/trainer]",
    }


def test_the_endpoint_is_a_dns_name() -> None:
    found: list[str] = []
    registered_by(lambda: Cluster("cluster", cluster_args()).endpoint.apply(found.append), OUTPUTS)
    assert found == [ENDPOINT]


def test_the_deadline_deletes_cluster_and_router_with_the_bases_account() -> None:
    job = plain(job_inputs(DeadlineArgs(gke=GKE, account="deadline@p"), "cluster", cluster_delete_uri(GKE)))
    assert job["httpTarget"] == {
        "uri": "https://container.googleapis.com/v1/projects/sandbox-p/locations/us-central1-a/clusters/hepburst-v100",
        "httpMethod": "DELETE",
        "oauthToken": {"serviceAccountEmail": "deadline@p", "scope": "https://www.googleapis.com/auth/cloud-platform"},
    }
    assert (job["schedule"], job["timeZone"], job["region"]) == ("5 18 1 12 *", "Etc/UTC", "us-central1")
    assert router_delete_uri(GKE).endswith("/projects/sandbox-p/regions/us-central1/routers/hepburst-v100")


def test_the_deadline_tries_for_longer_than_gke_works_at_a_cluster() -> None:
    waits = [min(FIRST_RETRY_SECONDS * 2**attempt, LAST_RETRY_SECONDS) for attempt in range(NUM_RETRIES)]
    assert sum(waits) > TIMEOUT_MINUTES * 60
    retry = plain(job_inputs(DeadlineArgs(gke=GKE, account="a"), "router", "https://x"))["retryConfig"]
    assert retry == {
        "retryCount": 5,
        "minBackoffDuration": "120s",
        "maxBackoffDuration": "1920s",
        "maxDoublings": 5,
    }


def test_a_deadline_that_is_not_in_utc_is_our_mistake() -> None:
    zurich = datetime.timezone(datetime.timedelta(hours=1))
    with pytest.raises(AssertionError):
        schedule(WHEN.astimezone(zurich))


def test_the_ranges_of_a_block_do_not_overlap_and_lie_in_it() -> None:
    found = ranges("10.200.0.0/16")
    nets = [ipaddress.IPv4Network(each) for each in (found.nodes, found.services, found.pods)]
    assert all(net.subnet_of(ipaddress.IPv4Network("10.200.0.0/16")) for net in nets)
    assert not any(one.overlaps(other) for one in nets for other in nets if one is not other)
    assert [net.prefixlen for net in nets] == [20, 20, 17]


@pytest.mark.parametrize("block", ["10.64.0.0/20", "8.8.0.0/16", "10.64.0.1/16", "fd00::/16", "ten"])
def test_a_block_that_is_not_a_private_16_is_refused(block: str) -> None:
    with pytest.raises(Refusal, match="ip_block"):
        ranges(block)


def test_128_nodes_of_one_gpu_each_have_addresses() -> None:
    assert MAX_GPU_NODES >= 128
    assert cluster()["defaultMaxPodsPerNode"] == pool()["maxPodsPerNode"] == 32


def test_the_cluster_is_private_and_reached_by_name_alone() -> None:
    found = cluster()
    assert found["privateClusterConfig"] == {"enablePrivateNodes": True}
    assert found["controlPlaneEndpointsConfig"] == {
        "dnsEndpointConfig": {"allowExternalTraffic": True},
        "ipEndpointsConfig": {"enabled": False},
    }
    assert found["ipAllocationPolicy"] == {
        "clusterSecondaryRangeName": "pods",
        "servicesSecondaryRangeName": "services",
    }
    assert found["networkingMode"] == "VPC_NATIVE"


def test_nothing_keeps_the_cluster_from_being_deleted() -> None:
    assert cluster()["deletionProtection"] is False


def test_no_node_runs_as_the_projects_default_account() -> None:
    assert cluster()["nodeConfig"]["serviceAccount"] == "nodes@p"
    assert plain(system_pool_inputs(cluster_args(), "c"))["nodeConfig"]["serviceAccount"] == "nodes@p"
    assert pool()["nodeConfig"]["serviceAccount"] == "nodes@p"


def test_the_pool_that_gke_makes_itself_goes_and_is_not_compared_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored: dict[str, list[str]] = {}
    register = mocks.MockMonitor.RegisterResource

    def watched(monitor: mocks.MockMonitor, request: Any) -> Any:
        ignored[request.type] = list(request.ignoreChanges)
        return register(monitor, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(mocks.MockMonitor, "RegisterResource", watched)
    registered = registered_by(lambda: Cluster("cluster", cluster_args()), OUTPUTS)
    inputs = registered[f"{CLUSTER_TYPE} cluster"].inputs
    assert (inputs["removeDefaultNodePool"], inputs["initialNodeCount"]) == (True, 1)
    assert ignored[CLUSTER_TYPE] == ["nodeConfig"]


def test_upgrades_of_nodes_are_held_off_until_the_deadline_is_over() -> None:
    (exclusion,) = cluster()["maintenancePolicy"]["maintenanceExclusions"]
    start, end = (datetime.datetime.fromisoformat(exclusion[each]) for each in ("startTime", "endTime"))
    assert end > WHEN
    assert end - start == datetime.timedelta(days=180)
    assert exclusion["exclusionOptions"] == {"scope": "NO_MINOR_OR_NODE_UPGRADES"}
    assert pool()["management"] == {"autoRepair": True, "autoUpgrade": True}, "a release channel refuses false"


def test_costs_are_told_by_labels() -> None:
    assert cluster()["costManagementConfig"] == {"enabled": True}
    assert cluster()["resourceLabels"] == pool()["nodeConfig"]["resourceLabels"] == LABELS
    assert LABELS["hepburst-deadline"] == "20261201t1805z"
    with pytest.raises(Refusal, match="lower-case"):
        labels("V100", GKE)


def test_buckets_are_mounted_always_and_filestore_where_it_is_used() -> None:
    assert cluster()["addonsConfig"] == {
        "gcsFuseCsiDriverConfig": {"enabled": True},
        "gcpFilestoreCsiDriverConfig": {"enabled": False},
    }
    assert cluster(uses_filestore=True)["addonsConfig"]["gcpFilestoreCsiDriverConfig"] == {"enabled": True}


def test_an_autoscaled_pool_starts_empty_and_a_fixed_one_full() -> None:
    scaled, fixed = pool(), pool(replace(GROUP, autoscales=False))
    assert scaled["autoscaling"] == {"totalMinNodeCount": 0, "totalMaxNodeCount": 16, "locationPolicy": "ANY"}
    assert "nodeCount" not in scaled
    assert "initialNodeCount" not in scaled
    assert fixed["nodeCount"] == 16
    assert "autoscaling" not in fixed


def test_an_upgrade_needs_no_quota_for_spare_nodes() -> None:
    assert pool()["upgradeSettings"] == {"strategy": "SURGE", "maxSurge": 0, "maxUnavailable": 1}


def test_nodes_are_what_the_group_says() -> None:
    node = pool()["nodeConfig"]
    assert node["machineType"] == "n1-standard-96"
    assert node["guestAccelerators"] == [
        {"type": "nvidia-tesla-v100", "count": 8, "gpuDriverInstallationConfig": {"gpuDriverVersion": "DEFAULT"}}
    ]
    assert node["spot"] is True
    assert node["gvnic"] == node["gcfsConfig"] == {"enabled": True}
    assert node["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert "taints" not in node, "GKE's own"
    assert "flexStart" not in node
    assert "maxRunDuration" not in node
    assert "ephemeralStorageLocalSsdConfig" not in node


def test_v100_never_gets_the_newest_driver() -> None:
    assert driver_version(allows_latest=False) == "DEFAULT"
    assert driver_version(allows_latest=True) == "LATEST"


def test_local_ssds_compact_placement_and_a_longest_life_are_passed_on() -> None:
    found = pool(
        replace(GROUP, num_local_ssds=4, purchase=Purchase.ON_DEMAND), replace(GKE, is_compact=True, max_run_seconds=7200)
    )
    assert found["nodeConfig"]["ephemeralStorageLocalSsdConfig"] == {"localSsdCount": 4}
    assert found["placementPolicy"] == {"type": "COMPACT"}
    assert found["nodeConfig"]["maxRunDuration"] == "7200s"
    assert "spot" not in found["nodeConfig"]


def test_flex_start_is_told_as_gke_wants_it() -> None:
    found = pool(replace(GROUP, purchase=Purchase.FLEX_START))
    node = found["nodeConfig"]
    assert (node["flexStart"], node["maxRunDuration"]) == (True, "604800s")
    assert node["reservationAffinity"] == {"consumeReservationType": "NO_RESERVATION"}
    assert found["management"] == {"autoRepair": False, "autoUpgrade": True}
    assert "upgradeSettings" not in found
    assert "spot" not in node


def test_flex_start_with_a_fixed_number_or_for_more_than_a_week_is_refused() -> None:
    flex = replace(GROUP, purchase=Purchase.FLEX_START)
    with pytest.raises(Refusal, match="autoscales"):
        pool(replace(flex, autoscales=False))
    with pytest.raises(Refusal, match="max_run_hours"):
        pool(flex, replace(GKE, max_run_seconds=604_801))


def test_a_kubeconfig_has_a_plugin_and_no_secret() -> None:
    found = json.loads(kubeconfig(ENDPOINT, "hepburst-v100"))
    (user,) = found["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    assert user["user"]["exec"]["provideClusterInfo"] is True
    assert found["clusters"] == [{"name": "hepburst-v100", "cluster": {"server": f"https://{ENDPOINT}"}}]

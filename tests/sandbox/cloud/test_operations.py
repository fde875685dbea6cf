"""Operations, faults, deadlines and the bill of a rehearsed cloud, on its ledger alone."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.cloud import __main__ as commands
from sandbox.cloud import auth, autoscaler, meter, scheduler
from sandbox.cloud.faults import PartlyMadeError
from sandbox.cloud.ledger import VARIABLE, By, Entry, Ledger, Op, folder
from sandbox.cloud.operations import Cloud
from sandbox.cloud.rules import CLUSTER, JOB, POOL
from tests.sandbox.cloud.places import (
    BEGAN,
    CLUSTER_ID,
    NETWORK,
    WHERE,
    after,
    cloud,
    cluster,
    deadline,
    pool,
)
from trainer.refusal import Refusal


@pytest.fixture
def made(tmp_path: Path) -> Cloud:
    return cloud(tmp_path / "cloud")


def fault(made: Cloud, *rows: str) -> None:
    (made.ledger.folder / "faults.csv").write_text("\n".join(("type,op,kind,times,value,where", *rows)) + "\n")


def test_nothing_runs_outside_a_rehearsal() -> None:
    with pytest.raises(Refusal, match="HEPBURST_SANDBOX is not set"):
        folder({})


def test_a_project_that_may_be_real_is_refused(made: Cloud) -> None:
    with pytest.raises(Refusal, match="no rehearsal's"):
        made.create(NETWORK, {"name": "n"}, {**WHERE, "project": "cern-openlab"})
    assert made.ledger.entries() == []


def test_the_ledger_is_one_line_an_operation_and_what_is_there_is_its_fold(made: Cloud) -> None:
    network = made.create(NETWORK, {"name": "n"}, WHERE)
    assert "sandbox" in network.properties["selfLink"]
    made.update(NETWORK, network.id, {"name": "n", "routingMode": "GLOBAL"}, WHERE)
    made.delete(network.id)
    lines = [json.loads(line) for line in (made.ledger.folder / "ledger.jsonl").read_text().splitlines()]
    assert [(line["op"], line["by"]) for line in lines] == [("create", "user"), ("update", "user"), ("delete", "user")]
    assert lines[0]["start"] == "2026-11-24T12:00:00+00:00"
    assert lines[1]["start"] == lines[0]["end"]
    assert made.ledger.resources() == {}


def test_what_does_not_need_each_other_is_made_at_the_same_time(made: Cloud) -> None:
    network = made.create(NETWORK, {"name": "n"}, WHERE)
    made.create("gcp:storage/bucket:Bucket", {"name": "b-1", "location": "us-central1"}, WHERE)
    made.create("gcp:compute/router:Router", {"name": "r", "network": network.id}, WHERE)
    first, beside, then = made.ledger.entries()
    assert first.start == beside.start == BEGAN
    assert then.start == first.end


def test_an_immutable_field_does_not_change_in_place_and_a_name_is_taken_once(made: Cloud) -> None:
    network = made.create(NETWORK, {"name": "n", "autoCreateSubnetworks": False}, WHERE)
    with pytest.raises(Refusal, match="autoCreateSubnetworks is immutable"):
        made.update(NETWORK, network.id, {"name": "n", "autoCreateSubnetworks": True}, WHERE)
    with pytest.raises(Refusal, match=r"409: .* already exists"):
        made.create(NETWORK, {"name": "n"}, WHERE)


def test_what_is_in_use_is_not_deleted_and_parts_go_with_the_whole(made: Cloud) -> None:
    network = made.create(NETWORK, {"name": "n"}, WHERE)
    router = made.create("gcp:compute/router:Router", {"name": "r", "network": network.id}, WHERE)
    nat = {"name": "t", "router": "r", "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}
    made.create("gcp:compute/routerNat:RouterNat", nat, WHERE)
    with pytest.raises(Refusal, match="already being used by"):
        made.delete(network.id)
    made.delete(router.id)
    assert list(made.ledger.resources()) == [network.id]


def test_a_protected_cluster_is_not_deleted_by_its_user(made: Cloud) -> None:
    properties = {"name": "b", "deletionProtection": True}
    line = Entry(start=BEGAN, end=BEGAN, op=Op.CREATE, type=CLUSTER, id=CLUSTER_ID, properties=properties)
    made.ledger.append(line)
    with pytest.raises(Refusal, match="deletion_protection"):
        made.delete(CLUSTER_ID)


def test_requests_told_to_come_back_are_made_three_times(made: Cloud) -> None:
    fault(made, "*Network,create,503,2,,")
    made.create(NETWORK, {"name": "n"}, WHERE)
    fault(made, "*Network,create,429,9,,")
    with pytest.raises(Refusal, match="Error 429"):
        made.create(NETWORK, {"name": "m"}, WHERE)
    assert [entry.op for entry in made.ledger.entries()].count(Op.REFUSED) == 5


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("*NodePool,create,stockout,1,,", "GCE_STOCKOUT"),
        ("*NodePool,create,quota,1,,", "quotaExceeded"),
        ("*NodePool,create,gpus,,15,", "limit 15"),
    ],
)
def test_nodes_that_nobody_has_are_refused_and_nothing_is_left(made: Cloud, row: str, said: str) -> None:
    cluster(made.ledger)
    fault(made, row)
    with pytest.raises(Refusal, match=said):
        made.create(POOL, pool(), WHERE)
    assert list(made.ledger.resources()) == [CLUSTER_ID]
    fault(made)
    made.create(POOL, pool(), WHERE)


def test_a_pool_that_comes_in_part_is_there_in_part(made: Cloud) -> None:
    cluster(made.ledger)
    fault(made, "*NodePool,create,partial,1,1,")
    with pytest.raises(PartlyMadeError, match="only 1 nodes came") as problem:
        made.create(POOL, pool(), WHERE)
    assert made.ledger.resources()[problem.value.made.id].num_nodes == 1
    made.update(POOL, problem.value.made.id, pool(), WHERE)
    assert made.ledger.resources()[problem.value.made.id].num_nodes == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"management": {"autoUpgrade": False}}, "release channel"),
        ({"placementPolicy": {"type": "COMPACT"}}, "Compact placement"),
        ({"nodeConfig": {**pool()["nodeConfig"], "flexStart": True}}, "autoscales from 0"),
        ({"cluster": "other"}, "'other' was not found"),
    ],
)
def test_a_pool_that_its_cluster_or_machine_does_not_allow_is_refused(made: Cloud, changes: dict[str, Any], said: str) -> None:
    cluster(made.ledger)
    with pytest.raises(Refusal, match=said):
        made.create(POOL, {**pool(), **changes}, WHERE)


def test_seeded_faults_are_the_same_each_time(tmp_path: Path) -> None:
    met = []
    for number in range(2):
        made = cloud(tmp_path / f"cloud{number}")
        fault(made, "*Network,create,503,30%,seed-1,")
        for index in range(20):
            made.create(NETWORK, {"name": f"n{index}"}, WHERE)
        met.append([entry.id for entry in made.ledger.entries() if entry.op is Op.REFUSED])
    assert met[0] == met[1]
    assert 1 <= len(met[0]) <= 15


def test_a_server_of_nobody_gets_no_credential(tmp_path: Path) -> None:
    told = {"spec": {"cluster": {"server": "https://127.0.0.1:1"}}}
    with pytest.raises(Refusal, match="no rehearsed cluster answers at https://127"):
        auth.credential({VARIABLE: str(tmp_path), "KUBERNETES_EXEC_INFO": json.dumps(told)})


def test_a_folder_that_is_no_rehearsed_cloud_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Refusal, match="holds something else"):
        commands.down(Ledger(tmp_path))
    assert (tmp_path / "thesis.tex").exists()


def test_latency_makes_an_operation_longer(made: Cloud) -> None:
    fault(made, "*Network,create,latency,1,4,")
    made.create(NETWORK, {"name": "n"}, WHERE)
    (line,) = made.ledger.entries()
    assert line.end - line.start == datetime.timedelta(seconds=120)


def test_the_deadline_deletes_the_cluster_with_nobody_there(made: Cloud) -> None:
    cluster(made.ledger)
    deadline(made, "0 18 24 11 *")
    made.create(POOL, pool(), WHERE)
    assert scheduler.run_until(made.ledger, after(60)) == []
    said = scheduler.run_until(made.ledger, after(24 * 60))
    assert said == [f"2026-11-24 18:00:00 end: 200: {CLUSTER_ID} is deleted"]
    gone = [entry for entry in made.ledger.entries() if entry.op is Op.DELETE]
    assert {entry.by for entry in gone} == {By.SCHEDULER}
    assert meter.billing_at(made.ledger.entries(), after(24 * 60)) == {}


def test_a_cluster_that_is_being_made_at_the_deadline_is_deleted_once_it_can_be(made: Cloud) -> None:
    deadline(made, "5 12 24 11 *", retryCount=5, minBackoffDuration="300s", maxBackoffDuration="3600s", maxDoublings=2)
    cluster(made.ledger, ready_minutes=15)
    said = scheduler.run_until(made.ledger, after(120))
    assert [line.split()[1] for line in said] == ["12:05:00", "12:10:00", "12:20:00"]
    assert "400 FAILED_PRECONDITION" in said[0]
    assert "200" in said[-1]


def test_a_deadline_without_retries_misses_it_and_one_without_rights_is_told_so(made: Cloud) -> None:
    deadline(made, "5 12 24 11 *", permissions=("container.clusters.get",))
    cluster(made.ledger, ready_minutes=15)
    (said,) = scheduler.run_until(made.ledger, after(30))
    assert "403" in said
    assert CLUSTER_ID in made.ledger.resources()


def test_a_schedule_in_an_endless_year_comes_round_once_a_year() -> None:
    times = list(scheduler.due({"schedule": "30 18 24 11 *"}, BEGAN, BEGAN + datetime.timedelta(days=800)))
    assert [time.year for time in times] == [2026, 2027, 2028]


def test_spot_nodes_are_taken_back_and_a_fixed_pool_is_made_whole_again(made: Cloud) -> None:
    cluster(made.ledger)
    made.create(POOL, pool(spot=True), WHERE)
    assert autoscaler.preempt(made.ledger, "v100", 1) == "v100: 1 nodes taken back, 1 left"
    with pytest.raises(Refusal, match="no node pool v10"):
        autoscaler.preempt(made.ledger, "v10", 1)


def test_the_bill_of_one_pool_is_what_one_reckons_by_hand(made: Cloud) -> None:
    """Two n1-standard-96 with 8 V100 in us-central1 for two hours, one hour of them being made; one goes after an hour."""
    properties = {**pool(), "project": "sandbox-t"}
    own_id = f"{CLUSTER_ID}/nodePools/v100"
    lines = [
        Entry(start=after(0), end=after(60), op=Op.CREATE, type=POOL, id=own_id, properties=properties, num_nodes=2),
        Entry(start=after(60), end=after(60), op=Op.PREEMPT, type=POOL, id=own_id, num_nodes=1),
        Entry(start=after(110), end=after(120), op=Op.DELETE, type=POOL, id=own_id),
    ]
    node_usd_per_hour = 4.559976 + 19.84  # prices-2026-11-23.csv: host, eight V100
    disk_usd_per_hour = 0.1 * 100 / 730  # service_prices.csv: pd-balanced
    usd = meter.bill(lines, after(1000))
    assert usd["nodes with accelerators"] == pytest.approx(3 * node_usd_per_hour)
    assert usd["boot disks"] == pytest.approx(3 * disk_usd_per_hour)
    assert meter.bill(lines, after(30))["nodes with accelerators"] == pytest.approx(node_usd_per_hour)
    now = meter.billing_at(lines, after(90))
    assert now[f"nodes with accelerators: {own_id}"] == pytest.approx(node_usd_per_hour)
    assert meter.billing_at(lines, after(121)) == {}


def test_the_bill_counts_spot_local_ssds_and_the_shared_parts(made: Cloud) -> None:
    properties = {**pool(spot=True, ephemeralStorageLocalSsdConfig={"localSsdCount": 2}), "project": "sandbox-t"}
    region = {"region": "us-central1"}
    lines = [
        Entry(start=BEGAN, end=BEGAN, op=Op.CREATE, type=POOL, id="p", properties=properties, num_nodes=33),
        Entry(start=BEGAN, end=BEGAN, op=Op.CREATE, type=meter.ROUTER_NAT, id="n", properties=region),
        *(Entry(start=BEGAN, end=BEGAN, op=Op.CREATE, type=JOB, id=f"j{number}") for number in range(4)),
    ]
    usd = meter.bill(lines, after(60))
    assert usd["nodes with accelerators"] == pytest.approx(33 * (1.60824 + 9.8704))
    assert usd["local SSD"] == pytest.approx(33 * 2 * 375 * 0.032 / 730)
    assert usd["NAT gateway"] == pytest.approx(0.044)
    assert usd["NAT address"] == pytest.approx(0.005)
    assert usd["deadline (Cloud Scheduler)"] == pytest.approx(0.1 / 730)

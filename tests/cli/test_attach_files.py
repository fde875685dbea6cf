"""What comes home: which lines are new, which files are whole, and what stands here whenever it is interrupted."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.following import home
from cli.following.collector import RESTRICTED, manifest
from cli.following.log import Overlap, event_of, nanoseconds
from cli.following.screen import LOG_SECONDS, Log, Terminal
from cli.printing import output
from components.kubernetes.pods import container_security
from tests.cli.attach_objects import IMAGE, JOB, job
from trainer.refusal import Refusal

CONTENT = {"run.json": b"{}", "result.json": b"{1}", "checkpoints/best.pt": bytes(range(256)) * 5000}


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A run folder as the cluster has it."""
    folder = tmp_path / "cluster"
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def packed(archive: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(archive, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


def brought(folder: Path, archive: Path, expected: dict[str, str]) -> None:
    with home.workbench(folder) as bench:
        (bench / "files").mkdir()
        home.unpack(archive, bench / "files", expected)
        home.replace(folder, bench / "files")


def test_files_come_home_byte_by_byte_in_the_place_of_the_old_ones(sent: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "f00d"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("old")
    brought(folder, packed(tmp_path / "files.tar", CONTENT), home.digests(sent))
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert [each.name for each in folder.parent.iterdir()] == ["f00d"]


WRONG: dict[str, dict[str, bytes]] = {
    "a file that nobody asked for": {**CONTENT, "../../evil": b"!"},
    "an absolute path": {**CONTENT, "/tmp/evil": b"!"},
    "another content": {**CONTENT, "result.json": b"{2}"},
    "a file too few": {"run.json": b"{}"},
}


@pytest.mark.parametrize("files", WRONG.values(), ids=WRONG.keys())
def test_anything_but_what_was_asked_leaves_the_old_files(sent: Path, tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = tmp_path / "runs" / "f00d"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("old")
    with pytest.raises(home.Damaged):
        brought(folder, packed(tmp_path / "files.tar", files), home.digests(sent))
    assert [(each.name, each.read_text()) for each in folder.iterdir()] == [("run.json", "old")]
    assert [each.name for each in folder.parent.iterdir()] == ["f00d"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_an_archive_that_broke_off_is_damaged(sent: Path, tmp_path: Path, share: float) -> None:
    archive = packed(tmp_path / "files.tar", CONTENT)
    archive.write_bytes(archive.read_bytes()[: int(share * sum(map(len, CONTENT.values())))])
    with pytest.raises(home.Damaged):
        brought(tmp_path / "runs" / "f00d", archive, home.digests(sent))
    assert not (tmp_path / "runs" / "f00d").exists()


def test_a_link_is_no_file(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "files.tar", "w") as tar:
        member = tarfile.TarInfo("run.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(home.Damaged, match=r"an unasked file run\.json"):
        brought(tmp_path / "f00d", tmp_path / "files.tar", {"run.json": "0" * 64})


def test_an_interrupt_before_the_swap_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "f00d"
    folder.mkdir()
    (folder / "run.json").write_text("old")
    with contextlib.suppress(KeyboardInterrupt), home.workbench(folder) as bench:
        (bench / "files").mkdir()
        raise KeyboardInterrupt
    assert [each.name for each in tmp_path.iterdir()] == ["f00d"]
    assert (folder / "run.json").read_text() == "old"


def test_a_list_of_files_is_read_as_sha256sum_prints_it() -> None:
    assert home.listed(f"{'a' * 64}  run.json\n{'b' * 64} *checkpoints/best.pt\n") == {
        "run.json": "a" * 64,
        "checkpoints/best.pt": "b" * 64,
    }
    for garbled in ("abc  run.json", f"{'a' * 64}  /etc/passwd", "run.json"):
        with pytest.raises(home.Damaged):
            home.listed(garbled)


def test_the_pod_that_fetches_has_the_launchers_rights_and_no_more() -> None:
    pod = manifest(job("Succeeded"), name="collect-x")
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["volumeMounts"] == [{"name": "runs", "mountPath": "/mnt/hepburst", "readOnly": True}]
    assert spec["volumes"] == [{"name": "runs", "persistentVolumeClaim": {"claimName": "runs"}}]
    assert spec["securityContext"] == {"runAsNonRoot": True, "runAsUser": 1000}
    assert container["securityContext"] == RESTRICTED
    assert container_security().items() <= RESTRICTED.items()
    assert (spec["serviceAccountName"], spec["tolerations"]) == ("trainer", [{"operator": "Exists"}])
    assert (spec["automountServiceAccountToken"], spec["restartPolicy"]) == (False, "Never")
    assert spec["activeDeadlineSeconds"] == 900
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("MPIJob", JOB, "job-uid", False)
    assert "training.kubeflow.org/job-name" not in pod["metadata"]["labels"]


def test_a_job_without_a_run_volume_is_refused() -> None:
    without = job("Succeeded")
    without["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["volumes"] = []
    with pytest.raises(Refusal, match="no volume at /mnt/hepburst"):
        manifest(without, name="collect-x")


@given(
    gaps=st.lists(st.integers(0, 2 * 10**9), min_size=1, max_size=40),
    breaks=st.lists(st.integers(0, 40), max_size=6),
    swaps=st.lists(st.integers(0, 40), max_size=3),
)
def test_no_line_is_lost_and_none_comes_twice_wherever_the_stream_breaks(
    gaps: list[int], breaks: list[int], swaps: list[int]
) -> None:
    moments = [10**18 + sum(gaps[: index + 1]) for index in range(len(gaps))]
    for index in swaps:  # two writers: neighbours within a second may stand in the wrong order
        if index + 1 < len(moments) and moments[index + 1] - moments[index] < 10**8:
            moments[index], moments[index + 1] = moments[index + 1], moments[index]
    lines = [(moment, f"{_stamp(moment)} line {index}") for index, moment in enumerate(moments)]
    overlap, got = Overlap(), list[str]()
    for stop in [*sorted(breaks), len(lines)]:
        since = nanoseconds(overlap.since) if overlap.since else 0
        assert since is not None
        for moment, line in lines[:stop]:
            if moment >= since:
                got += overlap.new(line)
    assert got == [f"line {index}" for index in range(len(lines))]


def _stamp(moment: int) -> str:
    import time

    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment // 10**9))}.{moment % 10**9:09d}Z"


@pytest.mark.parametrize(
    "line", ["", "no time", "2026-11-24 text", "unable to retrieve container logs for containerd://x", "{"]
)
def test_what_has_no_time_is_no_line_of_the_log(line: str) -> None:
    assert list(Overlap().new(line)) == []


@pytest.mark.parametrize("text", ["", "text", "{torn", "[1]", '{"a": 1}', '{"event": 1}', "{}"])
def test_what_is_no_event_is_not_taken_for_one(text: str) -> None:
    assert event_of(text) is None


def test_a_log_says_how_far_a_run_is_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    screen = Log(output(), is_raw=False, clock=lambda: now[0])
    told: list[Any] = []
    for seconds in range(int(2 * LOG_SECONDS) + 2):
        now[0] = float(seconds)
        screen.status(f"step {seconds}")
        screen.tick()
        told += [line[10:] for line in capsys.readouterr().out.splitlines()]
    screen.close()
    told += [line[10:] for line in capsys.readouterr().out.splitlines()]
    assert told == ["step 1", "step 11", "step 21"]


def test_a_terminal_shows_sentences_and_one_line_that_goes_in_the_end() -> None:
    shown = io.StringIO()
    screen = Terminal(Console(file=shown, force_terminal=True, width=80))
    screen.status("step 1")
    screen.say("training")
    screen.status("step 2")
    screen.close()
    screen.say("succeeded")
    lines = shown.getvalue()
    assert "training" in lines
    assert "step 2" in lines
    assert lines.rstrip().endswith("succeeded")

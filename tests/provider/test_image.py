from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi.provider.experimental import provider as api

from burst import image_sources
from provider import image
from provider.image_builders import BUILDER_VARIABLE, OPTIONS_VARIABLE, check_repository
from provider.plugin import HepburstProvider
from provider.values import UNKNOWN, plain_map, wrapped_map
from tests.provider.strict_builder import DIGEST
from trainer.refusal import Refusal

URN = "urn:pulumi:onprem::hepburst::hepburst:components:TrainerImage$hepburst:image:TrainerImage::image"
REPOSITORY = "registry.example.org/physics/trainer"
STAND_IN = Path(__file__).with_name("strict_builder.py")
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts stand-ins of these names on the path, alone; gives the file that will hold what they are told."""
    monkeypatch.setattr(image, "PROJECT", _checkout(tmp_path / "checkout"))
    for variable in (BUILDER_VARIABLE, OPTIONS_VARIABLE):
        monkeypatch.delenv(variable, raising=False)

    def installed(*names: str, behaviour: str = "works") -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name in names:
            script = folder / name
            script.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
            script.chmod(0o755)
        ledger = tmp_path / "ledger"
        ledger.touch()
        for variable, value in (("PATH", folder), ("STAND_IN", behaviour), ("STAND_IN_LEDGER", ledger)):
            monkeypatch.setenv(variable, str(value))
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        return ledger

    return installed


@pytest.fixture
def plugin(engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HepburstProvider:
    monkeypatch.setattr(image, "LOG", tmp_path / "image.log")
    return HepburstProvider(engine)


def _checkout(project: Path) -> Path:
    (project / "trainer").mkdir(parents=True)
    (project / "trainer" / "Dockerfile").write_text("FROM scratch\n")
    for name in image_sources.FILES:
        (project / name).write_text(name)
    return project


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "repository": REPOSITORY,
        "variant": "cpu",
        "build_arguments": {"TORCH_INDEX": "https://example.org/cpu"},
        "platform": "linux/amd64",
        "sources_sha256": image_sources.digest(image.PROJECT),
        **changed,
    }


def created(plugin: HepburstProvider, values: dict[str, Any], *, preview: bool = False) -> dict[str, Any]:
    return plain_map(asyncio.run(plugin.create(api.CreateRequest(URN, wrapped_map(values), 0, preview))).properties)


def told(ledger: Path) -> list[list[str]]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]


def failures(plugin: HepburstProvider, values: dict[str, Any]) -> list[str]:
    answer = asyncio.run(plugin.check(api.CheckRequest(URN, {}, wrapped_map(values), b"")))
    return [failure.reason for failure in answer.failures or []]


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_each_builder_gives_the_digest_of_what_it_pushed(name: str, install: Install, plugin: HepburstProvider) -> None:
    ledger = install(name)
    state = created(plugin, inputs())
    assert state == {**inputs(), "reference": f"{REPOSITORY}@{DIGEST}"}
    build = told(ledger)[1]
    assert build[-1] == str(image.PROJECT)
    tag = f"{REPOSITORY}:cpu-{inputs()['sources_sha256'][:12]}"
    assert build[build.index("--tag") + 1] == tag
    arguments = {build[at + 1] for at, word in enumerate(build) if word == "--build-arg"}
    assert arguments >= {"VARIANT=cpu", "TORCH_INDEX=https://example.org/cpu", "CREATED=2023-11-14T22:13:20Z"}


def test_docker_is_preferred_to_podman_and_podman_to_buildah(install: Install, plugin: HepburstProvider) -> None:
    ledger = install("buildah", "podman", "docker")
    created(plugin, inputs())
    assert {words[0] for words in told(ledger)} == {"docker"}


@pytest.mark.parametrize("behaviour", ["no-daemon", "no-buildx"])
def test_a_docker_that_cannot_build_is_passed_over(behaviour: str, install: Install, plugin: HepburstProvider) -> None:
    ledger = install("docker", "buildah", behaviour=behaviour)
    assert created(plugin, inputs())["reference"].endswith(DIGEST)
    assert [words[0] for words in told(ledger)] == ["docker", "buildah", "buildah", "buildah"]


def test_the_user_may_name_the_builder(install: Install, plugin: HepburstProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = install("docker", "podman", "buildah")
    monkeypatch.setenv(BUILDER_VARIABLE, "buildah")
    created(plugin, inputs())
    assert {words[0] for words in told(ledger)} == {"buildah"}


def test_a_builder_that_we_cannot_talk_to_is_refused(
    install: Install, plugin: HepburstProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("docker")
    monkeypatch.setenv(BUILDER_VARIABLE, "kaniko")
    with pytest.raises(Refusal, match="docker, podman, buildah"):
        created(plugin, inputs(), preview=True)


def test_what_only_this_machine_needs_goes_to_the_build_and_is_no_input(
    install: Install, plugin: HepburstProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = install("podman")
    monkeypatch.setenv(OPTIONS_VARIABLE, "--volume '/etc/my certs:/etc/ssl/certs:ro'")
    assert "certs" not in json.dumps(created(plugin, inputs()))
    assert told(ledger)[1][-3:-1] == ["--volume", "/etc/my certs:/etc/ssl/certs:ro"]


@pytest.mark.parametrize(("repository", "is_insecure"), [("127.0.0.1:15000/hepburst/trainer", True), (REPOSITORY, False)])
def test_a_registry_without_tls_is_trusted_on_loopback_alone(
    repository: str, is_insecure: bool, install: Install, plugin: HepburstProvider
) -> None:
    ledger = install("buildah")
    created(plugin, inputs(repository=repository))
    assert ("--tls-verify=false" in told(ledger)[-1]) == is_insecure


def test_a_preview_builds_nothing_and_does_not_know_the_digest(install: Install, plugin: HepburstProvider) -> None:
    ledger = install("podman")
    assert created(plugin, inputs(), preview=True)["reference"] == UNKNOWN
    assert [words[1] for words in told(ledger)] == ["info"]


def test_a_preview_says_what_each_builder_lacks(install: Install, plugin: HepburstProvider) -> None:
    install("docker", behaviour="no-daemon")
    with pytest.raises(Refusal, match=r"docker: Cannot connect .*; no podman; no buildah.*hepburst:image"):
        created(plugin, inputs(), preview=True)


@pytest.mark.parametrize(
    "repository",
    [
        "registry.example.org/trainer:latest",
        f"registry.example.org/trainer@{DIGEST}",
        "trainer",
        "physics/trainer",
        "https://r.org/t",
    ],
)
def test_a_repository_that_nothing_can_be_pushed_to_is_a_check_failure(
    repository: str, install: Install, plugin: HepburstProvider
) -> None:
    install()
    (failure,) = failures(plugin, inputs(repository=repository))
    assert "registry.example.org/group/name without a tag" in failure


@pytest.mark.parametrize(
    "repository", ["localhost/trainer", "localhost:5000/a/b", "127.0.0.1:15000/a", "[::1]:5000/a", "ghcr.io/a/b-c.d"]
)
def test_a_repository_is_any_registry_with_a_path(repository: str) -> None:
    check_repository(repository)


def test_an_image_in_the_state_asks_for_no_builder(install: Install, plugin: HepburstProvider) -> None:
    install()
    state = wrapped_map({**inputs(), "reference": f"{REPOSITORY}@{DIGEST}"})
    assert failures(plugin, inputs()) == []
    answer = asyncio.run(plugin.diff(api.DiffRequest(URN, "id", state, wrapped_map(inputs()), [])))
    assert not answer.changes


def test_other_sources_are_another_image_in_place_of_the_first(install: Install, plugin: HepburstProvider) -> None:
    install("buildah")
    state = {**inputs(sources_sha256="0" * 64), "reference": f"{REPOSITORY}@sha256:{'1' * 64}"}
    answer = asyncio.run(plugin.diff(api.DiffRequest(URN, "id", wrapped_map(state), wrapped_map(inputs()), [])))
    assert (answer.diffs, answer.replaces) == (["sources_sha256"], [])
    updated = asyncio.run(plugin.update(api.UpdateRequest(URN, "id", wrapped_map(state), wrapped_map(inputs()), 0, [], False)))
    assert plain_map(updated.properties)["reference"] == f"{REPOSITORY}@{DIGEST}"


def test_sources_that_changed_since_the_preview_are_refused(install: Install, plugin: HepburstProvider) -> None:
    ledger = install("buildah")
    values = inputs()
    (image.PROJECT / "trainer" / "new.py").touch()
    with pytest.raises(Refusal, match="as when the program read them"):
        created(plugin, values)
    assert told(ledger) == []


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("fails", r"could not be built \(exit status 100\): E: no route to mirror\.example\.org"),
        ("denied", r"could not be pushed \(exit status 125\): Error: .*requested access to the resource is denied"),
        ("no-digest", r"gave '' as its digest"),
    ],
)
def test_a_build_that_fails_says_why_and_where_to_read_on(
    behaviour: str, reason: str, install: Install, plugin: HepburstProvider
) -> None:
    install("buildah", behaviour=behaviour)
    with pytest.raises(Refusal, match=reason):
        created(plugin, inputs())
    assert "$ " in image.LOG.read_text()


def test_the_steps_of_a_build_are_seen_beside_the_resource(install: Install, plugin: HepburstProvider, engine: Any) -> None:
    install("podman")
    created(plugin, inputs())
    assert engine.statuses == ["step 1/2 of stage 1/2: FROM scratch AS base"]


def test_ctrl_c_ends_the_builder_at_once(install: Install, plugin: HepburstProvider, engine: Any) -> None:
    install("podman", behaviour="hangs")

    async def interrupted() -> None:
        task = asyncio.create_task(plugin.create(api.CreateRequest(URN, wrapped_map(inputs()), 0, False)))
        while not engine.statuses:
            await asyncio.sleep(0.02)
        await plugin.cancel()
        await task

    began = time.monotonic()
    with pytest.raises(Refusal, match="interrupted"):
        asyncio.run(interrupted())
    assert time.monotonic() - began < 20


def test_destroying_leaves_the_pushed_image(install: Install, plugin: HepburstProvider) -> None:
    ledger = install("docker")
    state = {**inputs(), "reference": f"{REPOSITORY}@{DIGEST}"}
    asyncio.run(plugin.delete(api.DeleteRequest(URN, "id", wrapped_map(state), 0)))
    assert told(ledger) == []

from __future__ import annotations

from pathlib import Path

import pytest

from burst import image_sources
from burst.cluster import ImageBuild
from components.trainer_image import PROJECT, TrainerImage, TrainerImageArgs, image_inputs
from tests.components.recorder import registered_by
from trainer.refusal import Refusal

DIGEST = "sha256:" + "0f" * 32
REFERENCE = f"registry.example.org/physics/trainer@{DIGEST}"
BUILD = ImageBuild(repository="registry.example.org/physics/trainer", variant="cpu")


def test_a_given_image_is_its_reference_and_makes_nothing() -> None:
    seen: list[str] = []

    def program() -> None:
        TrainerImage("image", TrainerImageArgs(reference=REFERENCE)).reference.apply(seen.append)

    registered = registered_by(program)
    assert set(registered) - {"pulumi:pulumi:Stack project-stack"} == {"hepburst:components:TrainerImage image"}
    assert seen == [REFERENCE]


def test_an_image_to_build_is_one_resource_whose_output_has_the_digest() -> None:
    seen: list[str] = []

    def program() -> None:
        TrainerImage("image", TrainerImageArgs(build=BUILD)).reference.apply(seen.append)

    registered = registered_by(program, {"hepburst:image:TrainerImage": {"reference": REFERENCE}})
    inputs = registered["hepburst:image:TrainerImage image"].inputs
    assert inputs["sources_sha256"] == image_sources.digest(PROJECT)
    assert inputs["build_arguments"] == {"TORCH_INDEX": "https://download.pytorch.org/whl/cpu"}
    assert seen == [REFERENCE]


def test_a_tag_is_refused_as_it_can_be_moved() -> None:
    with pytest.raises(Refusal, match=r"has no digest.*skopeo inspect"):
        TrainerImageArgs(reference="registry.example.org/physics/trainer:latest")


@pytest.mark.parametrize(("reference", "build"), [("", None), (REFERENCE, BUILD)])
def test_an_image_is_either_given_or_built(reference: str, build: ImageBuild | None) -> None:
    with pytest.raises(Refusal, match="give one of the two"):
        TrainerImageArgs(reference=reference, build=build)


def test_a_variant_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refusal, match="cpu or cuda"):
        TrainerImageArgs(build=ImageBuild(repository="registry.example.org/t", variant="tpu"))


def test_build_arguments_of_ones_own_come_beside_and_before_the_variants() -> None:
    args = TrainerImageArgs(build=BUILD, build_arguments={"TORCH_INDEX": "", "BASE": "example.org/debian@sha256:00"})
    assert image_inputs(args, sources_sha256="ab")["build_arguments"] == {
        "TORCH_INDEX": "",
        "BASE": "example.org/debian@sha256:00",
    }


def _sources(project: Path) -> Path:
    for name in image_sources.FILES:
        (project / name).write_text(name)
    (project / "trainer" / "gan").mkdir(parents=True)
    (project / "trainer" / "gan" / "step.py").write_text("step = 1\n")
    return project


def test_the_sources_digest_follows_names_contents_and_nothing_that_python_leaves(tmp_path: Path) -> None:
    project = _sources(tmp_path)
    before = image_sources.digest(project)
    (project / "trainer" / "__pycache__").mkdir()
    (project / "trainer" / "__pycache__" / "step.cpython-311.pyc").write_bytes(b"x")
    (project / "README.md").write_text("not in the image")
    assert image_sources.digest(project) == before
    (project / "trainer" / "gan" / "step.py").write_text("step = 2\n")
    changed = image_sources.digest(project)
    (project / "trainer" / "gan" / "step.py").rename(project / "trainer" / "step.py")
    assert len({before, changed, image_sources.digest(project)}) == 3


def test_what_is_counted_is_what_the_builder_is_given() -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    given = {line[1:] for line in lines if line.startswith("!")}
    assert given == set(image_sources.FILES) - {".dockerignore"} | {image_sources.FOLDER}

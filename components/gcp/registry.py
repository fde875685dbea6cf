"""The registry of trainer images, which outlives bursts. Owns the repository and its cleaning; not the images in it.

Bursts name images by digest, so a tag that moves changes no run. Tags may move: the trainer's is made of its sources' digest,
and the same sources built again are another image under that tag, which a repository of immutable tags would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_gcp import artifactregistry

from components.gcp.labels import base_labels

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryArgs:
    """Its name, where it is, and which images stay."""

    name: str
    project: str
    location: str
    """A region, the bursts' own: pulling there costs nothing, and image streaming works."""
    num_kept_images: int = 10
    """Of each name the newest stay, however old."""
    max_age_days: int = 90
    """All others go when they are older."""


class Registry(ComponentResource):
    """A repository for container images in one region."""

    repository_id: Output[str]
    address: Output[str]
    """What image names begin with: `us-central1-docker.pkg.dev/my-project/hepburst`."""

    def __init__(self, name: str, args: RegistryArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Registry", name, {}, opts)
        self.repository = artifactregistry.Repository(name, repository_inputs(args), opts=ResourceOptions(parent=self))
        self.repository_id = self.repository.repository_id
        self.address = self.repository_id.apply(lambda found: address(args.location, args.project, found))
        self.register_outputs({"repository": self.address})


def address(location: str, project: str, repository: str) -> str:
    """A repository as `docker push` knows it.

    >>> address("us-central1", "my-project", "hepburst")
    'us-central1-docker.pkg.dev/my-project/hepburst'
    """
    return f"{location}-docker.pkg.dev/{project}/{repository}"


def repository_inputs(args: RegistryArgs) -> artifactregistry.RepositoryArgs:
    """Of the repository. What one policy keeps, no other deletes
    (cloud.google.com/artifact-registry/docs/repositories/cleanup-policy)."""
    return artifactregistry.RepositoryArgs(
        repository_id=args.name,
        project=args.project,
        location=args.location,
        format="DOCKER",
        mode="STANDARD_REPOSITORY",
        description="Trainer images of hepburst",
        docker_config=artifactregistry.RepositoryDockerConfigArgs(immutable_tags=False),
        cleanup_policy_dry_run=False,
        cleanup_policies=[
            artifactregistry.RepositoryCleanupPolicyArgs(
                id="keep-newest",
                action="KEEP",
                most_recent_versions=artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs(
                    keep_count=args.num_kept_images
                ),
            ),
            artifactregistry.RepositoryCleanupPolicyArgs(
                id="delete-old",
                action="DELETE",
                condition=artifactregistry.RepositoryCleanupPolicyConditionArgs(
                    tag_state="ANY", older_than=f"{args.max_age_days * SECONDS_PER_DAY}s"
                ),
            ),
        ],
        labels=base_labels(),
    )

"""The bucket with data and results, which outlives bursts. Owns the bucket; not what is in it, nor who may read it.

What a run overwrites or deletes stays for a while as an old version. Cloud Storage's soft delete would keep, and bill, each
old version once more: it is off. `pulumi destroy` refuses a bucket that is not empty.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_gcp import storage

from components.gcp.labels import base_labels
from trainer.refusal import Refusal

MAX_NAME_LENGTH = 63
"""cloud.google.com/storage/docs/buckets#naming"""
ABANDONED_UPLOAD_DAYS = 7
"""Parts of an upload that nobody ended are billed and seen by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketArgs:
    """Its name, where it is, and how long old versions stay."""

    name: str
    """Of all buckets in the world: begins with the project's name."""
    project: str
    location: str
    """A region, the bursts' own: reading it there costs nothing."""
    noncurrent_days: int = 30

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME_LENGTH:
            raise Refusal(
                f"the bucket name {self.name} of {len(self.name)} characters",
                expected=f"{MAX_NAME_LENGTH} or fewer",
                remedy="name the base shorter",
            )


class Bucket(ComponentResource):
    """A private, versioned bucket in one region."""

    bucket_name: Output[str]
    project_number: Output[str]
    """Of the project that it is in, which a budget must name."""

    def __init__(self, name: str, args: BucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:gcp:Bucket", name, {}, opts)
        self.bucket = storage.Bucket(name, bucket_inputs(args), opts=ResourceOptions(parent=self))
        self.bucket_name = self.bucket.name
        self.project_number = self.bucket.project_number.apply(str)
        self.register_outputs({"bucket": self.bucket_name})


def bucket_inputs(args: BucketArgs) -> storage.BucketArgs:
    """Of the bucket."""
    return storage.BucketArgs(
        name=args.name,
        project=args.project,
        location=args.location.upper(),  # as the API gives it back
        storage_class="STANDARD",
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        force_destroy=False,
        versioning=storage.BucketVersioningArgs(enabled=True),
        soft_delete_policy=storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=0),
        autoclass=storage.BucketAutoclassArgs(enabled=False),
        lifecycle_rules=[
            _rule("Delete", storage.BucketLifecycleRuleConditionArgs(days_since_noncurrent_time=args.noncurrent_days)),
            _rule("AbortIncompleteMultipartUpload", storage.BucketLifecycleRuleConditionArgs(age=ABANDONED_UPLOAD_DAYS)),
        ],
        labels=base_labels(),
    )


def _rule(action: str, condition: Input[storage.BucketLifecycleRuleConditionArgs]) -> storage.BucketLifecycleRuleArgs:
    return storage.BucketLifecycleRuleArgs(action=storage.BucketLifecycleRuleActionArgs(type=action), condition=condition)

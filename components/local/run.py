"""A training run on this machine. Owns the stack's folder, the data set's identity and the run; not the data nor the report."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import ComponentResource, ResourceOptions

from burst.spec import Workload
from components.local.resources import Folder, Run, ShowerData


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRunArgs:
    """What to run, and in which folder (relative to the project) everything that it makes is kept."""

    workload: Workload
    folder: str


class LocalRun(ComponentResource):
    """3DGAN training under Horovod on this machine; `pulumi up` waits for it."""

    def __init__(self, name: str, args: LocalRunArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("hepburst:components:LocalRun", name, {}, opts)
        mine = ResourceOptions(parent=self)
        self.folder = Folder("folder", path=args.folder, opts=mine)
        self.dataset = ShowerData("showers", dataset=args.workload.dataset, opts=mine)
        self.run = Run(
            name,
            run=args.workload.run,
            folder=args.folder,
            opts=ResourceOptions(parent=self, depends_on=[self.folder, self.dataset]),
        )
        self.register_outputs({"run_folder": self.run.run_folder, "status": self.run.status})

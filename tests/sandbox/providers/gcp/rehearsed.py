"""The real engine with the stand-in of the gcp plugin, in a folder of its own."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from engine.choice import choose
from engine.places import PROJECT
from engine.shell import users_own, variables
from sandbox.cloud.ledger import Ledger
from sandbox.providers import install

SECONDS = 180
PROJECT_ID = "sandbox-tests"
BEGAN = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
POOLS: dict[str, Any] = {
    "v100": {
        "node_count": 2,
        "node_config": {
            "machine_type": "n1-standard-96",
            "disk_type": "pd-balanced",
            "disk_size_gb": 100,
            "spot": True,
            "guest_accelerators": [{"type": "nvidia-tesla-v100", "count": 8}],
        },
    }
}
DEFAULTS: dict[str, Any] = {
    "project": PROJECT_ID,
    "bucket": "sandbox-results",
    "label": "tests",
    "burst": False,
    "schedule": "0 18 24 11 *",
    "pools": POOLS,
}


class Rehearsed:
    """One stack of `program.py`, and its cloud."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        self.cloud = folder / "cloud"
        self.ledger = Ledger(self.cloud)
        self.ledger.set_clock(BEGAN)
        own = users_own(os.environ)
        self.env = {
            **own,
            **variables(choose(own), own),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "HEPBURST_SANDBOX": str(self.cloud),
            "SSL_CERT_FILE": str(self.cloud / "ca.crt"),
        }
        self.env["PATH"] = f"{PROJECT / 'sandbox' / 'cloud' / 'bin'}:{self.env['PATH']}"
        for package in ("gcp", "kubernetes"):
            install.put(package, self.env)
        shutil.copy(Path(__file__).with_name("program.py"), folder / "__main__.py")
        (folder / "Pulumi.yaml").write_text("name: standin\nruntime: {name: python}\n", encoding="utf-8")
        self.want()
        self.pulumi("stack", "init", "test")

    def want(self, **changes: Any) -> None:
        """What the program declares: the defaults, and these changes."""
        (self.folder / "wanted.json").write_text(json.dumps({**DEFAULTS, **changes}), encoding="utf-8")

    def fault(self, *rows: str) -> None:
        """What goes wrong from now on."""
        (self.cloud / "faults.csv").write_text("\n".join(("type,op,kind,times,value,where", *rows)) + "\n", encoding="ascii")
        (self.cloud / "faults-used").unlink(missing_ok=True)

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        answer = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = answer.stdout + answer.stderr
        assert (answer.returncode != 0) == fails, said
        assert "Traceback" not in said, said
        return said

    def up(self, *, fails: bool = False) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", "--diff", fails=fails)

    def output(self, name: str) -> Any:
        return json.loads(self.pulumi("stack", "output", name, "--json"))

    def python(self, *arguments: str) -> str:
        """A command of `sandbox.cloud`, in the rehearsal's environment."""
        command = [str(PROJECT / ".venv" / "bin" / "python"), "-m", "sandbox.cloud", *arguments]
        answer = subprocess.run(
            command, cwd=PROJECT, env=self.env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

"""The files of the trainer image for rehearsals: Debian's OpenMPI, sshd and Python, laid out as the real image is.

The built environment (torch, Horovod, the trainer itself) is not in it. The rehearsal's node mounts it from this machine into
every container, read-only; so the image is small, and what runs is what is installed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ENVIRONMENT = "/opt/hepburst/.venv"
SITE_PACKAGES = f"{ENVIRONMENT}/lib/python3.11/site-packages"
TRAINER = "/usr/local/lib/python3.11/dist-packages/trainer"
"""On the path of Debian's Python, which the environment takes in too: the host's own environment holds the checkout by name."""
USER_ID = 1000
HOME = "/home/mpiuser"
PATH = f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin"

_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/include")
_FOLDERS = ("proc", "sys", "dev", "tmp", "run", "root", "var/empty", "etc/mpi", "etc/hepburst", "mnt/hepburst", TRAINER[1:])
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
    f"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\nmpiuser:x:{USER_ID}:{USER_ID}::{HOME}:/bin/bash\n",
    "etc/group": f"root:x:0:\nnogroup:x:65534:\nmpiuser:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/ssh/ssh_config": "Host *\n  Port 2222\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n",
    f"{ENVIRONMENT[1:]}/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11\n",
}
_SSHD = f"""Port 2222
HostKey {HOME}/.ssh/id_rsa
AuthorizedKeysFile {HOME}/.ssh/authorized_keys
PidFile /tmp/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
SetEnv PATH={PATH}
"""
_LAUNCHER = f"""#!{ENVIRONMENT}/bin/python
import sys
from horovod.runner.launch import run_commandline
sys.exit(run_commandline())
"""


def make(packages: Path, root: Path) -> None:
    """Lay the trainer image's files out in `root`, from unpacked Debian packages. Root alone can: files keep their owners."""
    subprocess.run(["cp", "--archive", "--no-target-directory", str(packages), str(root)], check=True)
    for name in _LEFT_OUT:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in (*_FOLDERS, SITE_PACKAGES[1:], f"{ENVIRONMENT[1:]}/bin", HOME[1:], f"{HOME[1:]}/.ssh"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name, text in {**_FILES, f"{HOME[1:]}/.sshd_config": _SSHD}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    programs = root / ENVIRONMENT[1:] / "bin"
    for name in ("python", "python3", "python3.11"):
        (programs / name).symlink_to("/usr/bin/python3.11")
    (programs / "horovodrun").write_text(_LAUNCHER, encoding="ascii")
    (programs / "horovodrun").chmod(0o755)
    with (root / "etc" / "openmpi" / "openmpi-mca-params.conf").open("a", encoding="ascii") as settings:
        settings.write("mca_base_component_show_load_errors = 0\n")  # of fabrics that this node does not have
    # What maintainer scripts would have linked.
    for link, target in (("mpirun", "orterun"), ("mpiexec", "orterun"), ("ompi_info.openmpi", "ompi_info")):
        _link(root / "usr" / "bin" / link, target)
    _link(root / "usr" / "bin" / "sh", "bash")
    _link(root / "usr" / "bin" / "awk", "mawk")
    _link(root / "var" / "run", "/run")
    for folder, _, names in os.walk(root / HOME[1:]):
        for path in (folder, *(os.path.join(folder, name) for name in names)):  # noqa: PTH118 - as os.walk gives them
            os.chown(path, USER_ID, USER_ID)
    subprocess.run(["ldconfig", "-r", str(root)], check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    # Not the same from one run to the next.
    for name in ("var/cache/ldconfig/aux-cache",):
        (root / name).unlink(missing_ok=True)


def _link(link: Path, target: str) -> None:
    if link.is_symlink() or link.exists():
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        else:
            link.unlink()
    link.symlink_to(target)

"""Certificates of a cluster: one authority, and what it issues. Made with OpenSSL, once."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

DAYS = 3650
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(folder: Path) -> None:
    """`ca.crt` and `ca.key` in `folder`, which is readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "ca.crt").exists():
        usage = "keyUsage=critical,keyCertSign,digitalSignature"
        _request(folder, "ca", subject="/CN=hepburst-rehearsal", extensions=[usage])


def issue(folder: Path, name: str, *, subject: str, hosts: Sequence[str] = ()) -> None:
    """`name`.crt and `name`.key, signed by the authority. `hosts` as OpenSSL writes them: `DNS:localhost`, `IP:127.0.0.1`."""
    if (folder / f"{name}.crt").exists():
        return
    extensions = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth,clientAuth"]
    if hosts:
        extensions.append(f"subjectAltName={','.join(hosts)}")
    _request(folder, name, subject=subject, extensions=extensions, signer=("-CA", "ca.crt", "-CAkey", "ca.key"))


def _request(folder: Path, name: str, *, subject: str, extensions: Sequence[str], signer: Sequence[str] = ()) -> None:
    added = [word for extension in extensions for word in ("-addext", extension)]
    partial = folder / f".{name}.crt"
    command = ["openssl", "req", "-x509", *signer, *_NEW_KEY, "-days", str(DAYS), "-subj", subject, *added]
    outputs = ["-keyout", f"{name}.key", "-out", str(partial)]
    subprocess.run([*command, *outputs], cwd=folder, check=True, capture_output=True)
    partial.rename(folder / f"{name}.crt")


def token(folder: Path) -> str:
    """A secret that the API server knows its administrator by; kept in `tokens.csv`."""
    file = folder / "tokens.csv"
    if not file.exists():
        partial = folder / ".tokens.csv"
        partial.touch(mode=0o600)
        partial.write_text(f"{secrets.token_urlsafe(32)},rehearsal,rehearsal,system:masters\n", encoding="ascii")
        partial.rename(file)
    return file.read_text(encoding="ascii").split(",")[0]

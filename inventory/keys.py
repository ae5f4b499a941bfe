"""SSH key pairs: one of this installation, by which it enters the hosts it makes, and one for each such host to be known by."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from mng.ssh.target import Target


class KeyPair(NamedTuple):
    """Ed25519, in OpenSSH's spelling."""

    private: str
    public: str


def new_pair(comment: str = "mng") -> KeyPair:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    return KeyPair(private, f"{public} {comment}\n")


def own_pair(folder: Path) -> tuple[Path, str]:
    """The private key's path and the public key of the installation whose state is in `folder`; the first who asks makes it."""
    path = folder / "keys" / "mng_ed25519"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(dir=path.parent)  # 0600
        with os.fdopen(descriptor, "w") as out:
            out.write(new_pair("mng").private)
        with contextlib.suppress(FileExistsError):
            os.link(new, path)  # whole, and by one of many alone
        Path(new).unlink()
    return path, public_of(path)


def public_of(private: Path) -> str:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_ssh_private_key(private.read_bytes(), None)
    return key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode() + " mng\n"


def known(folder: Path, host_id: str, public: str) -> Path:
    """A known_hosts file of this host alone, under its id as HostKeyAlias: its address may change, its key may not."""
    path = folder / "keys" / f"{host_id}.known_hosts"
    line = f"{host_id} {' '.join(public.split()[:2])}\n"
    if not path.exists() or path.read_text() != line:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        new.write_text(line)
        new.chmod(0o600)
        new.replace(path)
    return path


def used(folder: Path, provider: str) -> None:
    """There may be hosts of ours, though nobody remembers them: a create was killed before it could. gc asks."""
    own_pair(folder)
    (folder / "keys" / f"{provider}.used").touch()


def way_in(folder: Path, host_id: str, address: str, port: int, through: str = "") -> Target:
    """To a host of our own: by our key and its own alone, whatever ssh_config says; `through`: a ProxyCommand."""
    hosts = folder / "keys" / f"{host_id}.known_hosts"
    options = [f"UserKnownHostsFile={hosts}", "GlobalKnownHostsFile=/dev/null", f"HostKeyAlias={host_id}", "IdentitiesOnly=yes",
               "StrictHostKeyChecking=yes", "IdentityAgent=none", "ForwardAgent=no", "ProxyJump=none"]  # fmt: skip
    options += [f"ProxyCommand={through}"] if through else []
    words = [word for option in options for word in ("-o", option)]
    return Target(address, port, "root", str(own_pair(folder)[0]), ("-F", "/dev/null", *words))

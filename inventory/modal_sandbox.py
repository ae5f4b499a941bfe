"""A sandbox and its image: what a host on Modal is made of."""

from __future__ import annotations

import base64
import gzip
import os
from typing import TYPE_CHECKING, Any

from mng.errors import NotFound
from mng.inventory import images
from mng.inventory.docker import SSHD, tarred
from mng.inventory.modal_words import Asked

if TYPE_CHECKING:
    from mng.inventory.modal_cloud import Cloud
    from mng.inventory.modal_records import Record

ENTRY = 'printf %s "$MNG_FILES" | base64 -d | tar -xzf - -C / && unset MNG_FILES && exec sh /etc/mng/container.sh'
KEPT = {"experimental_options": {"enable_exit_snapshot": True}}  # as it is when it ends, however it ends


async def built(cloud: Cloud, asked: Asked) -> Any:
    """The image that was asked for, with what a host needs on top."""
    if asked.dockerfile:
        context = asked.context or "."
        image = cloud.sdk.Image.from_dockerfile(asked.dockerfile, context_dir=context, secrets=secrets(cloud, asked))
    else:
        image = cloud.sdk.Image.from_registry(asked.image or images.DEFAULT)
    script = base64.b64encode((images.FILES / "install.sh").read_bytes()).decode()
    image = image.run_commands(f"echo {script} | base64 -d > /tmp/mng-install.sh && sh /tmp/mng-install.sh")
    return await image.build.aio(cloud.app)


def secrets(cloud: Cloud, asked: Asked) -> list[Any]:
    """Variables of this environment, or secrets of that name that Modal keeps."""
    kinds = cloud.sdk.Secret
    return [kinds.from_dict({one: os.environ[one]}) if one in os.environ else kinds.from_name(one) for one in asked.secrets]


async def volumes(cloud: Cloud, asked: Asked, *, new: bool) -> dict[str, Any]:
    """Those of a new host are made; one that a host had must not come back empty. Raises NotFound."""
    found = {}
    for name, _, path in (one.partition(":") for one in asked.volumes):
        found[path] = cloud.sdk.Volume.from_name(name, create_if_missing=new, client=cloud.client)
        try:
            await found[path].hydrate.aio()
        except cloud.sdk.exception.NotFoundError:
            hint = f"an empty one in its place: modal volume create {name}"
            raise NotFound(f"{cloud.name}: the volume {name} is gone, which was at {path}", hint) from None
    return found


async def sandbox(cloud: Cloud, record: Record, image: Any, host_key: str, authorized: str) -> Any:
    """One that runs sshd and tells by its tags whose it is. Its files, keys among them, come as a secret."""
    asked, sdk = Asked.kept(record), cloud.sdk
    files = {
        "host_key": (host_key, 0o600), "authorized_keys": (authorized, 0o600), "sshd_config": (SSHD, 0o644),
        "container.sh": ((images.FILES / "container.sh").read_text(), 0o755),
        "end": ((images.FILES / "end.sh").read_text(), 0o755),
    }  # fmt: skip
    packed = base64.b64encode(gzip.compress(tarred({f"etc/mng/{name}": one for name, one in files.items()}))).decode()
    return await sdk.Sandbox.create.aio(
        "sh", "-c", ENTRY, app=cloud.app, image=image, name=record["id"], client=cloud.client,
        tags={"mng-host": record["id"], "mng-name": record["name"], "mng-created": str(record["created"])},
        secrets=[sdk.Secret.from_dict({"MNG_FILES": packed}), *secrets(cloud, asked)],
        volumes=await volumes(cloud, asked, new="booted" not in record),
        unencrypted_ports=[22], readiness_probe=sdk.Probe.with_tcp(22), **KEPT, **asked.words,
    )  # fmt: skip

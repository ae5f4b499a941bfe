"""Docker containers as hosts: labels say whose they are, sshd inside is reached on a port of loopback."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import time
from collections.abc import Collection
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from mng.disk import TooMuch
from mng.errors import MngError, NotAvailable, NotFound, Unreachable
from mng.fault import fault
from mng.host import Asleep, Host, Remote
from mng.inventory import images
from mng.inventory.engine import SECONDS, Engine
from mng.inventory.keys import known, new_pair, own_pair, used, way_in
from mng.inventory.provider import BEING_MADE, Check, HostSpec, Kept, Snapshot, SnapshotSpec, Spare
from mng.inventory.ssh import host_id
from mng.inventory.walls import IMAGE, Made, Walls, clean
from mng.names import check_name, new_id
from mng.shell import cmd
from mng.ssh.archive import Stream, members
from mng.ssh.runner import SshRunner
from mng.ssh.snapshot import Snapshot as Files
from mng.ssh.target import Target

if TYPE_CHECKING:
    from mng.runner import Runner, Tree

HOME = "/root"
ENTRY = "/etc/mng/container.sh"
PAUSED = 75  # exit code of a container whose agents were idle: see agents/watch.sh
NEW = ".new-"  # in the name of a container that is to take another's place
FOLDER, SMALL = 256 << 20, 1 << 20  # bytes that are looked through in a container that does not run, and of a file of ours
STOPS = 10  # seconds for its hooks when it is stopped
SSHD = """HostKey /etc/mng/host_key
AuthorizedKeysFile /etc/mng/authorized_keys
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
MaxSessions 100
MaxStartups 100
Subsystem sftp internal-sftp
PermitUserEnvironment no
AllowAgentForwarding no
X11Forwarding no
"""
HARDENED = ("--security-opt", "no-new-privileges", "--pids-limit", "4096", "--cap-drop", "NET_RAW", "--cap-drop", "MKNOD",
            "--cap-drop", "AUDIT_WRITE", "--cap-drop", "SETFCAP")  # fmt: skip
STATES = {"created": "STARTING", "restarting": "STARTING", "running": "RUNNING", "paused": "PAUSED", "exited": "STOPPED",
          "removing": "STOPPING", "dead": "CRASHED"}  # fmt: skip


class Docker:
    """The containers of one engine that this installation made."""

    makes_hosts = True

    def __init__(
        self, name: str, owner: str, folder: Path, prefix: str, address: str = "", known: tuple[str, ...] = ()
    ) -> None:  # fmt: skip
        """`owner`: this installation's id, `folder`: where its keys are, `address`: of the engine (-H), `known`: its hosts."""
        self.name, self.owner, self.folder, self.prefix, self.known = name, owner, folder, prefix, known
        self.engine, self.walled = Engine(name, address), Made(folder)

    # --- what every provider does

    def hosts(self) -> list[Host]:
        """While the engine does not answer, those that were known, none of which can be reached."""
        try:
            own = {container.labels["mng.host"]: container for container in self.containers()}
            kept = self.snapshots() if own else []
            hosts = [self.host_of(container) for container in own.values()]
            for host in hosts:
                host.snapshots = [one for one in kept if one.host_id == host.id]
            return hosts
        except (NotAvailable, Unreachable) as error:
            if not self.known:
                raise
            runner = cast("Runner", Cut(error))
            return [Remote(host_id(self.name, name), name, self.name, runner, prefix=self.prefix) for name in self.known]

    def named(self, word: str) -> Host | None:
        """By name or id."""
        return next((host for host in self.hosts() if word in (host.name, host.id)), None)

    def create(self, spec: HostSpec) -> Host:
        """The container runs when this returns. Raises MngError; what was made is then gone again."""
        asked, id_ = images.Build.of(spec.build_args), new_id("host")
        name = check_name(spec.name or f"{self.name}-{id_[5:13]}")
        with self.engine.translated():
            self.engine.client.ping()
        image = self.snapshot_image(spec.snapshot) if spec.snapshot else images.ready(self.engine.program, asked)
        facts = {"owner": self.owner, "host": id_, "name": name, "created": str(time.time()), "tags": json.dumps(spec.tags)}
        used(self.folder, self.name)
        words = [word for key, value in facts.items() for word in ("--label", f"mng.{key}={value}")]
        words += ["--init", "--name", f"{self.prefix}{name}", "--hostname", name, *HARDENED, *Walls.asked(asked).words()]
        words += ["--label", f"{IMAGE}={clean(self.engine, image)}"]
        words += [] if has_network(spec.start_args) else ["--publish", "127.0.0.1::22"]
        given = [word for arg in spec.start_args for word in start_words(arg)]
        images.run(self.engine.program, "create", "--user", "0", words, given, "--entrypoint", "sh", image, ENTRY)
        try:
            fault("host.made")
            container = self.container(id_)
            self.furnish(container, id_)
            fault("host.furnished")
            Walls.of(container).hold(container)
            return self.host_of(self.started(container))
        except BaseException:
            with contextlib.suppress(MngError):
                self.remove(id_)
            raise

    def start(self, host: Host, snapshot: str = "") -> Host:
        with self.engine.translated():
            container = self.container(host.id)
            container = self.replaced(container, self.snapshot_image(snapshot)) if snapshot else container
            if container.status == "paused":
                container.unpause()
                return self.host_of(self.settled(container))
            return self.host_of(self.started(container))

    def started(self, container: Any) -> Any:
        """Behind its walls, if it is to have some: nothing in it runs before."""
        walls, id_ = Walls.of(container), container.labels["mng.host"]
        if walls and container.status != "running":
            self.furnish_entry(container)  # as it was, whatever has become of it in there
        with self.engine.translated():
            container.start()
        fault("host.started")
        container = self.settled(container)
        if walls:
            with self.engine.gone_if_it_fails(container):
                walls.make(self.engine, container)
                self.walled.note(id_, container)
        return container

    def stop(self, host: Host) -> None:
        with self.engine.translated():
            fault("host.stop")
            self.container(host.id).stop(timeout=STOPS)
            fault("host.stopped")

    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None:
        """With its snapshots that no other host was made from."""
        for snapshot in [] if "snapshots" in keep else self.snapshots(host):
            with contextlib.suppress(MngError):
                self.drop_snapshot(snapshot)
        self.remove(host.id, volumes="volumes" not in keep)

    def age(self, host: Host) -> float:
        with self.engine.translated():
            return time.time() - float(self.container(host.id).labels["mng.created"])

    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot:
        """All of its files but those of volumes."""
        id_ = new_id("host").replace("host-", "snap-")[:21]
        labels = {"mng.snapshot": id_, "mng.owner": self.owner, "mng.of": host.id, "mng.title": spec.name or host.name}
        labels |= {"mng.description": spec.description, "mng.tags": json.dumps(spec.tags)}
        changes = [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]
        with self.engine.translated():
            image = self.container(host.id).commit(repository="mng-snapshot", tag=id_, pause=spec.pause, changes=changes)
        fault("host.kept")
        return self.taken(image.labels, created(image), image.attrs["Size"])

    def snapshots(self, host: Host | None = None) -> list[Snapshot]:
        labels = [f"mng.owner={self.owner}", f"mng.of={host.id}" if host else "mng.of"]
        with self.engine.translated():
            there = self.engine.client.api.images(filters={"label": labels})  # in one request, unlike images.list
        found = [self.taken(one["Labels"], float(one["Created"]), one["Size"]) for one in there]
        return sorted((one for one in found if one.id), key=lambda one: one.created_at)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        self.drop_image(f"mng-snapshot:{snapshot.id}")

    def drop_image(self, name: str) -> None:
        with self.engine.translated():
            self.engine.client.images.remove(name)

    def refresh_keys(self, host: Host) -> None:
        """By the engine, so also where nobody is let in any more; keys that the user added stay."""
        _, public = own_pair(self.folder)
        container = self.container(host.id)
        with self.engine.translated():
            chunks, _ = container.get_archive("/etc/mng/authorized_keys")
            with contextlib.closing(chunks):
                found = [one.data for one in members(Stream(chunks, "/etc/mng/authorized_keys", SMALL)) if one.data]
            lines = b"".join(found[:1]).decode(errors="replace").splitlines()
            lines = [public.strip(), *(line for line in lines if line.strip() and line.strip() != public.strip())]
            text = "".join(f"{line}\n" for line in lines)
            container.put_archive("/", tarred({"etc/mng/authorized_keys": (text, 0o600)}))

    def spares(self) -> list[Spare]:
        """Snapshots of hosts that are gone, and images that were built for hosts and have none, a quarter of an hour old."""
        from docker.errors import ImageNotFound

        with self.engine.translated():
            taken = {one["ImageID"] for one in self.engine.client.api.containers(all=True)}
            every = {image.id: image for image in self.engine.client.images.list(filters={"label": "mng.image"})}
            hosts = {container.labels["mng.host"] for container in self.containers()}
            kept = [one for one in self.snapshots() if one.host_id not in hosts]
            kept = [one for one in kept if self.engine.client.images.get(f"mng-snapshot:{one.id}").id not in taken]
            for id_ in list(taken):  # what they were built on is used, too
                with contextlib.suppress(ImageNotFound):  # of a container whose image was taken away by force
                    while id_ := self.engine.client.api.inspect_image(id_).get("Parent", ""):
                        taken.add(id_)
        built = [one for one in every.values() if one.id not in taken and "mng.snapshot" not in one.labels]
        old = [(one.tags or [one.id])[0] for one in built if time.time() - created(one) > BEING_MADE]
        return [
            *(Spare(f"snapshot {one.id} ({one.name})", "snapshots", partial(self.drop_snapshot, one)) for one in kept),
            *(Spare(f"image {name}", "build_cache", partial(self.drop_image, name)) for name in old),
        ]

    def checks(self) -> list[Check]:
        try:
            with self.engine.translated():
                return [Check(f"provider {self.name}", "ok", f"Docker {self.engine.client.version()['Version']}")]
        except MngError as error:
            return [Check(f"provider {self.name}", "warning", error.what, error.hint)]

    # --- how

    def containers(self, host_id: str = "") -> list[Any]:
        """Ours, or those of one host: the last is its own, one before that was to take its place."""
        labels = [f"mng.owner={self.owner}", f"mng.host={host_id}" if host_id else "mng.host"]
        with self.engine.translated():
            found = self.engine.client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
        if host_id and not found:
            raise NotFound(f"{self.name}: the container of host {host_id} is gone", "see: mng gc")
        return sorted(found, key=lambda one: str(one.attrs["Created"]), reverse=True)

    def container(self, host_id: str) -> Any:
        return self.containers(host_id)[-1]

    def furnish(self, container: Any, id_: str) -> None:
        """Its key, by which it is known before the first connect, and ours."""
        _, public = own_pair(self.folder)
        mine = new_pair(id_)
        files = {
            "host_key": (mine.private, 0o600), "authorized_keys": (public, 0o600), "sshd_config": (SSHD, 0o644),
        }  # fmt: skip
        known(self.folder, id_, mine.public)
        self.furnish_entry(container)
        with self.engine.translated():
            container.put_archive("/", tarred({f"etc/mng/{name}": one for name, one in files.items()}))

    def furnish_entry(self, container: Any) -> None:
        files = {
            f"etc/mng/{to}": ((images.FILES / of).read_text(), 0o755) for to, of in (("container.sh",) * 2, ("end", "end.sh"))
        }
        with self.engine.translated():
            container.put_archive("/", tarred(files))

    def settled(self, container: Any) -> Any:
        """Started, its port known; MngError with what it said if it has ended."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            container.reload()
            if container.status == "running" and (port_of(container) or not container.attrs["HostConfig"]["PortBindings"]):
                return container
            if container.status in ("exited", "dead"):
                said = next(iter(container.logs(tail=3, stream=True)), b"")[:SMALL].decode(errors="replace").strip()
                raise MngError(f"the container ended at once: {said.splitlines()[-1] if said else 'it said nothing'}")
            time.sleep(0.02)
        raise Unreachable(f"the container {container.name} has not started after {SECONDS:g} s")

    def replaced(self, old: Any, image: str) -> Any:
        """A container like it, from the image, with its volumes; it stays until that is made, and counts until it is gone."""
        id_, config = old.labels["mng.host"], {**old.attrs["Config"], "Image": image}
        for rest in self.containers(id_)[:-1]:  # of one that was killed
            rest.remove(force=True)
        networks: dict[str, dict[str, str]] = {name: {} for name in old.attrs["NetworkSettings"]["Networks"]}
        host_config = {**old.attrs["HostConfig"], "VolumesFrom": [old.id]}
        config |= {"HostConfig": host_config, "NetworkingConfig": {"EndpointsConfig": networks}}
        name, sign = old.name.partition(NEW)[0], new_id("host")[5:11]
        made = self.engine.client.api.create_container_from_config(config, f"{name}{NEW}{sign}")
        fault("host.replaced")
        new = self.engine.client.containers.get(made["Id"])
        self.furnish(new, id_)
        old.remove(force=True)
        fault("host.alone")
        new.rename(name)
        return new

    def remove(self, host_id: str, *, volumes: bool = True) -> None:
        found = self.containers(host_id)
        with self.engine.translated():
            for container in found:
                container.remove(force=True, v=volumes)
        self.walled.forget(host_id)
        (self.folder / "keys" / f"{host_id}.known_hosts").unlink(missing_ok=True)

    def snapshot_image(self, id_: str) -> str:
        found = [one.id for one in self.snapshots() if one.id == id_ or one.name == id_]
        if not found:
            raise NotFound(f"{self.name} has no snapshot {id_!r}", "see: mng snapshot list")
        return f"mng-snapshot:{found[-1]}"

    def taken(self, labels: dict[str, str], at: float, size: int) -> Snapshot:
        return Snapshot(
            labels.get("mng.snapshot", ""), labels.get("mng.title", ""), labels.get("mng.of", ""), at, size, self.name,
            labels.get("mng.description", ""), json.loads(labels.get("mng.tags") or "{}"),
        )  # fmt: skip

    def target(self, container: Any) -> Target:
        """Where its sshd is: on a port of loopback, or behind `docker exec` where no port can be published or reached."""
        port, through = 0 if self.engine.elsewhere else port_of(container), ""
        if not port:
            sshd = "exec $(PATH=$PATH:/usr/sbin command -v sshd) -i -f /etc/mng/sshd_config"
            if "MNG_NETWORK=allow" in (container.attrs["Config"]["Env"] or ()):  # of an earlier mng: it holds NET_ADMIN
                sshd = sshd.replace("exec ", "exec setpriv --bounding-set -net_admin --inh-caps -net_admin ")
            through = cmd(*self.engine.program, "exec", "-i", container.id, "sh", "-c", sshd).line
        return way_in(self.folder, container.labels["mng.host"], "127.0.0.1", port, through)

    def host_of(self, container: Any) -> Host:
        labels = container.labels
        name, tags = labels["mng.name"], json.loads(labels.get("mng.tags") or "{}")
        state = STATES.get(container.status, "STOPPED")
        state = "PAUSED" if state == "STOPPED" and container.attrs["State"]["ExitCode"] == PAUSED else state
        if state == "RUNNING" and "mng.walls" in labels and not self.walled.there(labels["mng.host"], container):
            state = "STOPPED"  # somebody else started it: it waits for its walls, which `start` makes
        host: Host
        if state == "RUNNING":
            runner = SshRunner(self.target(container))
            host = Remote(labels["mng.host"], name, self.name, runner, prefix=self.prefix, tags=tags, ours=True)
        else:
            host = Asleep(labels["mng.host"], name, self.name, self.prefix, state, tags, HOME, lambda: self.files(container))
        host.image = container.attrs["Config"]["Image"]
        return host

    def files(self, container: Any) -> Tree:
        """The state files of a container that does not run."""
        there = Files(None, f"{HOME}/.mng")

        def add(path: str, most: int) -> None:
            with contextlib.suppress(NotFound), self.engine.translated():
                chunks, _ = container.get_archive(f"{HOME}/.mng/{path}")
                with contextlib.closing(chunks):
                    there.add(chunks, f"{HOME}/.mng/{path} in {container.name}", most, SECONDS, path.rpartition("/")[0])

        add("names", FOLDER)
        try:
            add("agents", FOLDER)
        except TooMuch:  # of one of them: what is known of the others is asked for one by one
            for target in {there.link(f"{HOME}/.mng/names/{name}") for name in there.names(f"{HOME}/.mng/names")} - {None}:
                if not there.read(f"{HOME}/.mng/agents/{(id_ := str(target).rpartition('/')[2])}/data.json"):
                    add(f"agents/{id_}/data.json", FOLDER)
        return there


class Cut:
    """The runner of hosts behind an engine that does not answer."""

    def __init__(self, error: MngError) -> None:
        self.error = error

    def close(self) -> None:
        """Nothing is held open."""

    def __getattr__(self, name: str) -> NoReturn:
        raise Unreachable(self.error.what, self.error.hint)


def created(image: Any) -> float:
    return datetime.fromisoformat(image.attrs["Created"][:19] + "+00:00").timestamp()


def port_of(container: Any) -> int:
    ports = (container.attrs.get("NetworkSettings", {}).get("Ports") or {}).get("22/tcp") or []
    return int(ports[0]["HostPort"]) if ports else 0


def has_network(args: tuple[str, ...]) -> bool:
    """Whether the user's words give it no network, or the machine's, where no port can be published."""
    return any(word in ("--network=none", "--network=host", "--net=none", "--net=host") for word in args)


def start_words(arg: str) -> list[str]:
    """`--cpus=2`, `cpus=2` and `--gpus all` as words for `docker create`."""
    return [word if number or word.startswith("-") else f"--{word}" for number, word in enumerate(images.split(arg))]


def tarred(files: dict[str, tuple[str, int]]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, (text, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(text.encode()), mode, int(time.time())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()

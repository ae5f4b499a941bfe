"""Real sshd's on loopback, each a host of its own: key, port, MNG_HOST_DIR, tmux server, home, limits."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from mng.records import AgentRecord, Work
from tests.bed.need import missing, need
from tests.bed.world import World

PLACES = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin", "/usr/lib/openssh"])


@dataclass
class Host:
    """A running sshd; `dir` is its MNG_HOST_DIR, `home` the HOME of what runs there."""

    name: str
    root: Path
    port: int
    process: subprocess.Popen[bytes]
    env: dict[str, str]

    @property
    def dir(self) -> Path:
        return Path(self.env["MNG_HOST_DIR"])

    @property
    def home(self) -> Path:
        return Path(self.env["HOME"])

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def count(self, what: str) -> int:
        """How often the log has it: `Accepted publickey`, `Starting session: command`."""
        return self.log.count(what)

    def drop(self) -> None:
        """End all of its connections, not itself."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.process.pid:
                os.kill(int(folder.name), signal.SIGKILL)

    def fill(self, prefix: str, count: int) -> None:
        """Agents as `mng create --in-place` makes them, running `sleep`, without the time that it takes."""
        env = {**os.environ, **self.env}
        for number in range(count):
            name, id_ = f"{self.name}-a{number}", f"agent-{uuid4().hex}"
            folder = self.dir / "agents" / id_
            for one in ("activity", "logs", "plugin/generic"):
                (folder / one).mkdir(parents=True)
            (self.dir / "names").mkdir(exist_ok=True)
            (self.dir / "names" / name).symlink_to(f"../agents/{id_}")
            work = Work(kind="in-place", path=str(self.home), root=str(self.home), source=str(self.home))
            record = AgentRecord(id=id_, name=name, type="generic", command="sleep 1000", phase="ready", work=work)
            texts = {"data.json": record.dump().decode(), "env": "SECRET=x\n", "run": "#!/bin/sh\n" * 9, "activity/create": "",
                     "activity/start": "run0", "stopped": "", "exit": ""}  # fmt: skip
            for path, text in texts.items():
                (folder / path).write_text(text)
            line = ["tmux", "new-session", "-dP", "-F", "#{pane_pid}", "-s", prefix + name, "exec sleep 1000",
                    ";", "set-option", "-p", "@mng_agent", id_]  # fmt: skip
            pid = subprocess.run(line, env=env, check=True, capture_output=True, text=True).stdout
            (folder / "pid").write_text(pid)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


@dataclass
class Sshd:
    """The hosts of one world, all its user's; `ssh NAME` works in it."""

    world: World
    hosts: dict[str, Host] = field(default_factory=dict)
    silent: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        need("ssh", "ssh-keygen")
        self.program = shutil.which("sshd", path=PLACES) or missing("sshd is not installed")
        self.folder = self.world.home / ".ssh"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.key = self.new_key(self.folder / "id_ed25519")
        self.config = self.folder / "config"
        self.config.write_text(f"Host *\n    UserKnownHostsFile {self.folder}/known_hosts\n    IdentityFile {self.key}\n")
        # ssh takes the home of /etc/passwd for its own, whatever HOME says
        self.world.tool("ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F "{self.config}" "$@"\n')
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def new_key(self, path: Path, passphrase: str = "") -> Path:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
        subprocess.run(words, check=True)
        return path

    def start(
        self, name: str, *, config: str = "", env: Mapping[str, str] | None = None, known: bool = True, alias: bool = True,
        umask: int = -1,
    ) -> Host:  # fmt: skip
        """A host; `config` are lines for sshd_config (they win), `env` variables of all that runs there."""
        root = self.world.root / "hosts" / name
        root.mkdir(parents=True)
        for folder in ("home", "s"):
            (root / folder).mkdir(mode=0o700)
        key, port = self.new_key(root / "key"), free_port()
        values = {
            "HOME": str(root / "home"), "MNG_HOST_DIR": str(root / "d"), "TMUX_TMPDIR": str(root / "s"),
            "PATH": os.environ["PATH"],
            **(env or {}),
        }  # fmt: skip
        pairs = " ".join(f'"{key}={value}"' for key, value in values.items())
        (root / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        (root / "config").write_text(
            f"{config}\nListenAddress 127.0.0.1\nPort {port}\nHostKey {key}\nPidFile none\nUsePAM no\nStrictModes no\nUseDNS no\n"
            f"AuthorizedKeysFile {root}/authorized_keys\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin yes\nLogLevel VERBOSE\nSetEnv {pairs}\nPrintMotd no\n"
        )
        words = [self.program, "-D", "-f", str(root / "config"), "-E", str(root / "log")]
        process = subprocess.Popen(words, start_new_session=True, stdin=subprocess.DEVNULL, umask=umask)
        host = self.hosts[name] = Host(name, root, port, process, values)
        self.world.wait(lambda: "listening on" in host.log, what=f"sshd {name}")
        if known:
            self.know(host)
        if alias:
            self.alias(name, f"Port {port}")
        return host

    def know(self, host: Host) -> None:
        with (self.folder / "known_hosts").open("a") as file:
            public = (host.root / "key.pub").read_text().split()
            file.write(f"[127.0.0.1]:{host.port} {public[0]} {public[1]}\n")

    def alias(self, name: str, *lines: str) -> None:
        """A Host of ssh_config on this machine, before all others."""
        text = "".join(f"    {line}\n" for line in ("HostName 127.0.0.1", f"User {getpass.getuser()}", *lines))
        self.config.write_text(f"Host {name}\n{text}\n" + self.config.read_text())

    def black_hole(self, name: str = "dead") -> int:
        """A host that takes connections and never says anything; its port."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.silent.append(listening)
        port = int(listening.getsockname()[1])
        self.alias(name, f"Port {port}")
        return port

    def slow(self, name: str, host: Host, seconds: float) -> None:
        """Another name for the host, by way of a wire that takes so long for the first answer."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.silent.append(listening)
        port = int(listening.getsockname()[1])
        with (self.folder / "known_hosts").open("a") as file:
            file.write(f"[127.0.0.1]:{port} {' '.join((host.root / 'key.pub').read_text().split()[:2])}\n")
        self.alias(name, f"Port {port}")

        def pump(source: socket.socket, target: socket.socket, wait: float) -> None:
            time.sleep(wait)
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                source.close()

        def serve() -> None:
            while True:
                try:
                    here, _ = listening.accept()
                except OSError:
                    return
                there = socket.create_connection(("127.0.0.1", host.port))
                self.silent += [here, there]
                threading.Thread(target=pump, args=(here, there, 0), daemon=True).start()
                threading.Thread(target=pump, args=(there, here, seconds), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()

    def end(self) -> None:
        for one in self.silent:
            one.close()
        for host in self.hosts.values():
            host.drop()
            host.process.kill()
            host.process.wait(10)
            for server in (host.root / "s").glob("tmux-*/*"):
                subprocess.run(["tmux", "-S", str(server), "kill-server"], capture_output=True, cwd="/")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

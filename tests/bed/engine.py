"""A Docker engine of the tests' own: its bridge, folders and socket are nobody else's; one for all workers of a run.

There is no registry: the base image is made once by debootstrap, with all that a host needs, and kept in a cache.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.need import missing

CACHE = Path(os.environ.get("MNG_TEST_IMAGES") or Path.home() / ".cache" / "mng-test-images")
PACKAGES = "ca-certificates,curl,git,iptables,openssh-server,procps,python3,rsync,tmux,unison"
BASE = "debian:bookworm-slim"


class Engine:
    """`dockerd` in `folder`, and the test processes that use it: the last one ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self.certs = folder / "certs"  # as DOCKER_CERT_PATH has it, for `tls`
        self.bridge = "mngt" + hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        number = int(self.bridge[4:8], 16)
        self.gateway = f"10.{200 + number % 50}.{number // 50 % 250}.1"  # this machine, as containers see it

    @contextmanager
    def locked(self) -> Iterator[None]:
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "engine.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def docker(self, *words: object, check: bool = True, stdin: int | None = None) -> str:
        done = subprocess.run(
            ["docker", "-H", self.host, *map(str, words)], capture_output=True, text=True, stdin=stdin, timeout=600
        )
        assert not (check and done.returncode), f"docker {words}: {done.stderr}"
        return done.stdout.strip()

    def join(self) -> None:
        """Start it if nobody has yet."""
        with self.locked():
            users = self.users()
            if not users:
                self.start()
            (self.folder / "users").write_text(" ".join([*users, str(os.getpid())]))

    def leave(self) -> None:
        with self.locked():
            users = [pid for pid in self.users() if pid != str(os.getpid())]
            (self.folder / "users").write_text(" ".join(users))
            if not users:
                self.end()
                self.clear()

    def clear(self) -> None:
        """Remove the folder: what dockerd mounted below it (a network namespace, say) it leaves, also when it ends by itself."""
        mounted = [line.split(" ")[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for place in sorted((one for one in mounted if one.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", place], check=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    @property
    def tls(self) -> str:
        """The same engine over TCP with TLS."""
        return (self.folder / "tcp").read_text()

    def users(self) -> list[str]:
        file = self.folder / "users"
        return [pid for pid in (file.read_text().split() if file.exists() else []) if Path(f"/proc/{pid}").exists()]

    def start(self) -> None:
        self.clear()
        self.folder.mkdir()
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)  # that of an engine which was killed
        for words in (["link", "add", self.bridge, "type", "bridge"], ["addr", "add", f"{self.gateway}/24", "dev", self.bridge],
                      ["link", "set", self.bridge, "up"]):  # fmt: skip
            subprocess.run(["ip", *words], check=True, capture_output=True)
        self.certify()
        self.run()
        with rootfs().open("rb") as tar:
            self.docker("import", "-", BASE, stdin=tar.fileno())

    def certify(self) -> None:
        self.certs.mkdir()
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            (self.folder / "tcp").write_text(f"tcp://127.0.0.1:{one.getsockname()[1]}")
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        (self.certs / "uses").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        for line in (
            ["req", "-x509", *new, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "9"],
            ["req", *new, "-keyout", "key.pem", "-out", "asked.pem", "-subj", "/CN=mng"],
            ["x509", "-req", "-in", "asked.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", "cert.pem",
             "-days", "9", "-extfile", "uses"],
        ):  # fmt: skip
            subprocess.run(["openssl", *line], cwd=self.certs, check=True, capture_output=True)

    def run(self) -> None:
        """Also once more, after it has ended."""
        with (self.folder / "log").open("ab") as log:
            data = f"data-{os.getpid()}"  # what an engine before left may still be mounted
            places = {"data-root": data, "exec-root": "exec", "pidfile": "pid"}
            words = ["dockerd", "-H", self.host, *(f"--{option}={self.folder}/{name}" for option, name in places.items())]
            files = {"tlscacert": "ca", "tlscert": "cert", "tlskey": "key"}
            words += ["-H", self.tls, "--tlsverify", *(f"--{option}={self.certs}/{name}.pem" for option, name in files.items())]
            words += ["--bridge", self.bridge, "--iptables=false", "--ip-masq=false"]
            subprocess.run(["sh", "-c", 'setsid "$@" &', "sh", *words], stdout=log, stderr=log, check=True)
        end = time.monotonic() + 60
        while not self.docker("version", "--format", "{{.Server.Version}}", check=False):
            assert time.monotonic() < end, f"dockerd does not start:\n{(self.folder / 'log').read_text()[-2000:]}"
            time.sleep(0.2)

    def end(self) -> None:
        for container in self.docker("ps", "-aq", check=False).split():
            self.docker("rm", "-f", container, check=False)
        pid = self.folder / "pid"
        if pid.exists():
            os.kill(int(pid.read_text()), 15)
            end = time.monotonic() + 30
            while pid.exists() and time.monotonic() < end:
                time.sleep(0.1)
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)


def rootfs() -> Path:
    """A Debian with all that a host needs, as a tar file; made once."""
    file = CACHE / f"bookworm-{hashlib.sha256(PACKAGES.encode()).hexdigest()[:12]}.tar"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="mng-rootfs-", dir=CACHE) as folder:
            words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", folder]
            done = subprocess.run(words, capture_output=True, text=True)
            assert not done.returncode, f"debootstrap: {done.stdout[-2000:]}"
            new = file.with_suffix(f".{os.getpid()}")
            subprocess.run(["tar", "-C", folder, "-cf", new, "."], check=True)
            new.replace(file)
    return file


@contextmanager
def engine(run: str) -> Iterator[Engine]:
    """That of the test run of this name; skips, or fails in CI, where none can run."""
    for program in ("dockerd", "docker", "debootstrap", "ip", "openssl"):
        if not shutil.which(program):
            missing(f"{program} is not installed")
    if os.geteuid():
        missing("a Docker engine of one's own needs root")
    one = Engine(Path(tempfile.gettempdir()) / f"mng-engine-{run}")
    one.join()
    try:
        yield one
    finally:
        one.leave()


if __name__ == "__main__":  # beforehand, so that no test waits for it
    print(rootfs())

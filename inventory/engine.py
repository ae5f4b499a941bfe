"""A Docker engine, here or elsewhere: the SDK's client and the docker program go to the same one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from mng.errors import MngError, NotAvailable, NotFound, Unreachable

SECONDS = 10.0  # to wait for an answer
NO_QUESTIONS = {"SSH_ASKPASS_REQUIRE": "force", "SSH_ASKPASS": "false"}  # of the ssh that the SDK starts: it fails instead


class Engine:
    """`address` as DOCKER_HOST has it; without one that of the environment, or of the docker program's context."""

    def __init__(self, name: str, address: str = "") -> None:
        """`name`: of the provider, for messages."""
        self.name, self.given = name, address

    @cached_property
    def address(self) -> str:
        if self.given or os.environ.get("DOCKER_HOST"):
            return self.given or os.environ["DOCKER_HOST"]
        from docker.context import ContextAPI

        with self.translated():
            context = ContextAPI.get_current_context()
            return "" if context is None or context.Name == "default" else str(context.Host or "")

    @property
    def elsewhere(self) -> bool:
        """Ports that it publishes are not this machine's."""
        return self.address.startswith(("ssh://", "tcp://", "http://", "https://"))

    @property
    def program(self) -> tuple[str, ...]:
        return ("docker", "-H", self.address) if self.address else ("docker",)

    @cached_property
    def client(self) -> Any:
        """TLS as DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say; ssh:// by the system's ssh, as the docker program does it."""
        import docker

        with self.translated():
            if self.address.startswith("ssh://"):
                os.environ.update(NO_QUESTIONS)
                return docker.DockerClient(with_port(self.address), timeout=SECONDS, use_ssh_client=True)
            environment = {**os.environ, **({"DOCKER_HOST": self.address} if self.address else {})}
            return docker.from_env(timeout=SECONDS, environment=environment)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """What the SDK raises, as our errors: an engine that does not answer is never "no such container"."""
        from docker.errors import APIError, DockerException, ImageNotFound
        from docker.errors import NotFound as Gone
        from requests.exceptions import RequestException

        try:
            yield
        except (Gone, ImageNotFound) as error:
            raise NotFound(f"{self.name}: {error.explanation}", "see: mng list --hosts") from None
        except APIError as error:
            raise MngError(f"{self.name}: {error.explanation}") from None
        except RequestException as error:
            raise Unreachable(f"the Docker engine of {self.name} does not answer: {type(error).__name__}") from None
        except DockerException as error:
            what = f"no Docker engine at {self.address or 'the usual socket'}: {str(error).splitlines()[0][:120]}"
            raise NotAvailable(what, "start it, e.g.: systemctl start docker") from None

    @contextlib.contextmanager
    def gone_if_it_fails(self, container: Any) -> Iterator[None]:
        """The container does not run on without what was to be done to it."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(MngError), self.translated():
                container.kill()
            raise


def with_port(address: str) -> str:
    """That of ssh_config where none is given: the SDK would say 22 then."""
    user, at, place = address.removeprefix("ssh://").rpartition("@")
    host, colon, _ = place.partition(":")
    if colon:
        return address
    from mng.ssh.target import Target, resolve

    return f"ssh://{user}{at}{host}:{resolve(Target(host, user=user)).port}"

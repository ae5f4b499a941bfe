"""Errors shown as one line and a hint, each kind with its exit code; being `invoke.Exit`, inv and fab show them too."""

from invoke.exceptions import Exit


class MngError(Exit):
    """Something failed: what happened, to what, and (hint) what to do next."""

    exit_code = 1

    def __init__(self, what: str, hint: str = "") -> None:
        self.what, self.hint = what, hint
        super().__init__(f"mng: {what}" + (f"\n     {hint}" if hint else ""), self.exit_code)

    def __str__(self) -> str:
        return f"{self.what}; {self.hint}" if self.hint else self.what


class UsageError(MngError):
    """The command line or a setting makes no sense."""

    exit_code = 2


class NotFound(MngError):
    """No such agent, host or snapshot."""

    exit_code = 3


class Unreachable(MngError):
    """A host did not answer within its deadline."""

    exit_code = 4


class CommandFailed(MngError):
    """A command on a host ended with another code than 0, or was killed at its time-out."""

    exit_code = 5

    def __init__(self, what: str, hint: str = "", code: int = 1) -> None:
        self.command_code = code
        super().__init__(what, hint)


class NotAvailable(MngError):
    """A program or provider is not installed, not configured or not able to do this."""

    exit_code = 6


class Blocked(MngError):
    """The message is delivered or held back, but the agent waits for something else first."""

    exit_code = 7


class Refused(MngError):
    """Not done, because work would be lost."""

    exit_code = 8

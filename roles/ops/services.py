"""Services, by whichever of systemd, OpenRC and init scripts runs them."""

from __future__ import annotations

from typing import Literal

from mng.errors import NotAvailable
from mng.roles.play import Play
from mng.runner import Done
from mng.shell import Cmd, cmd, raw

State = Literal["", "running", "stopped", "restarted", "reloaded"]
VERBS = {"running": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}
# who runs services; enabled, disabled or not-found; active or not
ASK = raw("""case $(systemctl is-system-running 2>/dev/null) in ""|offline|unknown) ;; *)
    enabled=$(systemctl is-enabled -- "$0" 2>/dev/null) || [ "$enabled" ] || enabled=not-found
    printf '%s\\n' systemctl "$enabled" "$(systemctl is-active -- "$0")"; exit ;;
esac
yes() { "$@" >/dev/null 2>&1 && echo active || echo inactive; }
if command -v rc-service >/dev/null; then
    enabled=disabled; rc-update show default | grep -q "^ *$0 " && enabled=enabled
    rc-service -e "$0" || enabled=not-found
    printf '%s\\n' rc-service $enabled "$(yes rc-service "$0" status)"
elif command -v service >/dev/null; then
    enabled=disabled; ls /etc/rc[2-5].d/S??"$0" >/dev/null 2>&1 && enabled=enabled
    [ -x "/etc/init.d/$0" ] || enabled=not-found
    printf '%s\\n' service $enabled "$(yes service "$0" status)"
fi""")


def service(on: Play, name: str, state: State = "running", enabled: bool | None = None) -> bool:
    """A service that runs or not, and starts with the host or not; `restarted` and `reloaded` are done each time."""
    asks = cmd("sh", "-c", ASK, name)
    by, starts, runs = (on.ask(asks).text.split("\n") + [""] * 3)[:3]
    is_enabled = starts not in ("disabled", "not-found", "")
    lines: list[Cmd] = []
    if enabled is not None and enabled != is_enabled:
        lines.append(at_boot(by, name, enabled))
    if state and (state in ("restarted", "reloaded") or (state == "running") != (runs == "active")):
        lines.append(cmd(by, VERBS[state], "--", name) if by == "systemctl" else cmd(by, name, VERBS[state]))

    def mend() -> None:
        for line in lines:
            on.host.run(line, user="root", timeout=120)

    boots = "" if enabled is None else "enabled" if enabled else "disabled"
    running = {"": runs, "stopped": "inactive"}.get(state, "active")
    now = Done(0, "\n".join((by, boots or starts, running)).encode())
    wrong = None
    if not by:
        wrong = NotAvailable(f"host {on.host.name} has neither systemctl, rc-service nor service to run {name} with")
    elif starts == "not-found" and not (on.check and on.guessed):
        wrong = NotAvailable(f"host {on.host.name} has no service {name}")
    return on.op(f"service {name} {' '.join(filter(None, (state, boots)))}", not lines, mend, after={asks: now}, wrong=wrong)


def at_boot(by: str, name: str, on: bool) -> Cmd:
    if by == "systemctl":
        return cmd("systemctl", "enable" if on else "disable", "--", name)
    if by == "rc-service":
        return cmd("rc-update", "add" if on else "del", name, "default")
    return cmd("update-rc.d", name, "enable" if on else "disable")

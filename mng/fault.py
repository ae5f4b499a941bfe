"""For tests alone: an mng that dies at a point of its work."""

import os
import signal


def fault(point: str) -> None:
    """Die (MNG_FAULT=POINT) or be interrupted (MNG_FAULT=POINT:int) here."""
    wanted, _, how = os.environ.get("MNG_FAULT", "").partition(":")
    if wanted == point:
        os.kill(os.getpid(), signal.SIGINT if how == "int" else signal.SIGKILL)

"""An mng of a world's own: what is installed beside it is gone after the test, and nothing is fetched."""

import sys
import sysconfig
import venv
from pathlib import Path

from tests.bed.world import World


def own_mng(world: World) -> Path:
    """The folder of its environment. `mng` on the PATH of the world is that one; this Python's packages are seen there."""
    folder = world.root / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (packages / "mng-tests.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    script = folder / "bin" / "mng"
    script.write_text(f"#!{folder}/bin/python\nfrom mng.main import script\nscript()\n")
    script.chmod(0o755)
    world.env["PATH"] = f"{script.parent}:{world.env['PATH']}"
    world.env |= {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1", "PIP_NO_CACHE_DIR": "1"}
    return folder

"""Set Juncture up in an environment of its own and run it: ``python start.py demo`` or ``python start.py test``.

Works wherever Python 3.11 or later does, without an administrator. The environment lies in ``.venv`` beside this
file and is made once; delete the folder to start afresh.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXTRAS = {"demo": "all", "test": "dev"}
USAGE = """usage: python start.py demo [OPTIONS]      a made-up city through the whole protocol; ends with a report
       python start.py test [OPTIONS]      the tests
       python start.py COMMAND [OPTIONS]   any other command of juncture"""


def environment(extra: str) -> Path:
    """The Python of an environment that holds Juncture with ``extra``; installs what is missing."""
    home = Path(os.environ.get("JUNCTURE_VENV", HERE / ".venv"))
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Making an environment in {home} ...", flush=True)
        venv.create(home, with_pip=True)
    wanted = hashlib.sha256(
        (HERE / "pyproject.toml").read_bytes() + (HERE / "constraints.txt").read_bytes()
    ).hexdigest()
    done = home / f"juncture-{extra}.installed"
    both = home / "juncture-dev.installed"
    if any(mark.exists() and mark.read_text() == wanted for mark in (done, both)):
        return python
    print("Installing what Juncture needs; this happens once ...", flush=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "-c", HERE / "constraints.txt", "-e", f"{HERE}[{extra}]"],
        check=True,
    )  # fmt: skip
    done.write_text(wanted)
    return python


def main(arguments: list[str]) -> int:
    """Run what ``arguments`` ask for; returns the exit code."""
    if sys.version_info < (3, 11):
        print(f"Juncture needs Python 3.11 or later; this is {sys.version.split()[0]}.")
        return 1
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    command, *rest = arguments
    try:
        python = environment(EXTRAS.get(command, "all"))
    except subprocess.CalledProcessError:
        print("The installation did not work; the lines above say why. Nothing outside the environment was changed.")
        return 1
    if command == "test":
        tests = [str(python), "-m", "pytest", "-n", "2", "--dist", "loadfile", *rest]
        return subprocess.run(tests, cwd=HERE, check=False).returncode
    return subprocess.run([python, "-m", "juncture", command, *rest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

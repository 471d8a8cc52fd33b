"""``juncture doctor``: whether this machine can do the work, and with which cryptographic module."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import click

from juncture import __version__
from juncture.cli.failures import ROOMS, install_command
from juncture.cli.terminal import Here, data

BASE = ("click", "cryptography", "pydantic", "rbcl", "rich", "tomlkit")
ENOUGH_GB = 5.0


@click.command()
@click.pass_obj
def doctor(here: Here) -> None:
    """Say what this machine has, lacks, and which cryptographic module is in use; changes nothing."""
    for name, lines in (
        ("Juncture", [f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"]),
        ("Base", [", ".join(f"{name} {_version(name) or 'MISSING'}" for name in BASE)]),
        *((f"Extra {extra}", _extra(extra)) for extra in ROOMS),
        ("Cryptography", _cryptography()),
        ("Folder", _folder(here.folder)),
        ("Not needed", ["a network, a server, an administrator, a browser of its own (any browser shows a report)"]),
    ):
        for number, line in enumerate(lines):
            data(f"{name if number == 0 else '':<16}{line}")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _extra(extra: str) -> list[str]:
    wanted = []
    for requirement in metadata.requires("juncture") or []:
        found = re.match(rf"([A-Za-z0-9_.-]+)[^;]*;.*extra == ['\"]{extra}['\"]", requirement)
        if found:
            wanted.append(found[1])
    versions = {name: _version(name) for name in wanted}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return [f"missing: {', '.join(missing)}", f"to get them: {install_command(extra)}"]
    return [", ".join(f"{name} {version}" for name, version in versions.items())]


def _cryptography() -> list[str]:
    try:
        from cryptography.hazmat.bindings._rust import openssl
        from cryptography.hazmat.primitives import hpke
    except ImportError:
        return ["the package cryptography is missing or too old: HPKE is not there", install_command("all")]
    fips = openssl.is_fips_enabled()
    return [
        f"{openssl.openssl_version_text()}, FIPS mode {'on' if fips else 'off'}",
        "Sealing and signing use algorithms approved by NIST in this module; "
        + ("whether it is validated, its certificate says." if fips else "as it runs here, it is not FIPS-validated."),
        f"ML-KEM with HPKE: {'here' if hasattr(hpke, 'MLKEM1024P384PrivateKey') else 'MISSING'}.",
        f"libsodium (rbcl {_version('rbcl') or 'MISSING'}) for blind requests, and scrypt for passphrases, are not "
        "FIPS-approved.",
    ]


def _folder(folder: Path) -> list[str]:
    from juncture.base.folder import SETTINGS, PartyFolder

    lines = [f"{folder.resolve()}" + ("" if (folder / SETTINGS).is_file() else " (not a working folder)")]
    if not folder.is_dir():
        return [*lines, "it does not exist"]
    free = shutil.disk_usage(folder).free / 1e9
    lines.append(f"{free:.1f} GB free" + ("" if free >= ENOUGH_GB else f"; {ENOUGH_GB:.0f} GB are wanted"))
    service = PartyFolder(root=folder, party="").synchronised_with()
    lines.append(f"copied elsewhere by {service}: move it to a local disk" if service else "in no synchronised folder")
    return [*lines, _permissions(folder)]


def _permissions(folder: Path) -> str:
    from juncture.base.errors import MachineError
    from juncture.base.files import restrict_to_owner

    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".juncture-doctor-") as name:
            probe = Path(name) / "probe"
            probe.touch()
            restrict_to_owner(probe)
            private = sys.platform == "win32" or probe.stat().st_mode & 0o077 == 0
    except (OSError, MachineError) as error:
        return f"files cannot be written and made private here ({type(error).__name__})"
    return "files can be made private to their owner" if private else "files stay readable by others: use a local disk"

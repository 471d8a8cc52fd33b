"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from juncture.cli.main import run
from juncture.rehearsal.city import City, build_city

from .running import Cli, Ended, passed_on


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process; ``phrases`` are passed on a file descriptor."""

    def call(*arguments: object, phrases: tuple[str, ...] = ()) -> Ended:
        capsys.readouterr()
        words = [str(argument) for argument in arguments]
        if phrases:
            with passed_on(*phrases) as descriptor:
                words += ["--passphrase-fd", str(descriptor)]
                words += ["--approver-passphrase-fd", str(descriptor)] if len(phrases) > 1 else []
                code = run(words)
        else:
            code = run(words)
        said = capsys.readouterr()
        return Ended(int(code), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A very small made-up city."""
    return build_city(tmp_path_factory.mktemp("city"), seed=11, people=400, quota=40)


@pytest.fixture(scope="session")
def real_agreement(city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city's draft as one for real work."""
    path = tmp_path_factory.mktemp("agreement") / "agreement.toml"
    text = city.agreement.read_text(encoding="utf-8").replace("rehearsal = true", "rehearsal = false")
    path.write_text(text.replace("draws   = 20", "draws   = 3"), encoding="utf-8")
    return path

"""The manners of the command line: quick help, streams, colours, old consoles, exit codes, errors without values."""

from __future__ import annotations

import errno
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from juncture.base import errors
from juncture.base.report import StepReport, WrittenFile
from juncture.cli.app import juncture
from juncture.cli.failures import bare_traceback, explain, missing_extra
from juncture.cli.log import MAX_BYTES, write_log
from juncture.cli.main import command_words, run
from juncture.cli.terminal import Here, fitting, show

from .running import Cli, process

ENGINES = ("duckdb", "numpy", "splink", "pyarrow", "altair", "scipy", "pandas")


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["agency", "share", "--help"]])
def test_help_and_doctor_load_no_engine(arguments: list[str]) -> None:
    code = (
        "import sys; from juncture.cli.main import run; run(sys.argv[1:]); "
        f"print(*[name for name in {ENGINES!r} if name in sys.modules], file=sys.stderr, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert done.stdout


def test_help_answers_at_once() -> None:
    """The quickest of five runs, since other work may share the machine."""

    def seconds() -> float:
        began = time.perf_counter()
        assert process("--help").code == 0
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.4


def commands(node: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(node, click.Group):
        return [found for name, child in node.commands.items() for found in commands(child, (*path, name))]
    return [path]


@pytest.mark.parametrize("path", commands(juncture), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(juncture, [*path, "--help"], obj=Here())
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 5


@pytest.mark.parametrize("path", commands(juncture), ids=" ".join)
def test_no_command_takes_a_passphrase_as_an_argument_or_from_the_environment(path: tuple[str, ...]) -> None:
    node: click.Command = juncture
    for name in path:
        assert isinstance(node, click.Group)
        node = node.commands[name]
    for parameter in node.params:
        assert parameter.envvar is None
        assert "passphrase" not in parameter.name or parameter.name.endswith("_fd")  # type: ignore[operator]


def test_usage_errors_end_with_2_and_leave_stdout_empty(cli: Cli) -> None:
    for words in (
        ["no-such-command"],
        ["agency", "share"],
        ["agency", "share", "no-such.toml"],
        ["demo", "--people", "3"],
    ):
        ended = cli(*words)
        assert (ended.code, ended.out) == (2, ""), words
        assert ended.err


def test_a_folder_that_is_none_is_usage(cli: Cli, tmp_path: Path) -> None:
    ended = cli("-C", tmp_path, "status")
    assert (ended.code, ended.out) == (2, "")
    assert "is not a working folder" in ended.err
    assert "juncture init PARTY" in ended.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.MachineError("m"), 1),
        (errors.UsageError("m"), 2),
        (errors.InputError("m", file="f", row=3, column="c"), 3),
        (errors.AgreementForbids("m"), 4),
        (errors.PackageRefused("m"), 5),
        (errors.LimitReached("m"), 6),
        (errors.KeyTrouble("m"), 7),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 1),
        (MemoryError(), 1),
        (ModuleNotFoundError("no", name="splink.internals"), 1),
        (ModuleNotFoundError("no", name="juncture.nowhere"), 70),
        (ValueError("m"), 70),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(error) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err


def test_a_message_and_its_remedy_are_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    explain(errors.InputError("the code is not mapped", file="a.csv", row=3, column="NATURE", remedy="Map it."))
    assert capsys.readouterr().err == "Error: file a.csv, row 3, column NATURE: the code is not mapped\nMap it.\n"


def test_a_bug_shows_types_and_frames_and_never_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    def read(cell: str) -> int:
        try:
            return int(cell)
        except ValueError as error:
            raise RuntimeError(f"could not read {cell}") from error

    with pytest.raises(RuntimeError) as caught:
        read("Zzyzx Canary 1950-02-03")
    assert explain(caught.value) == 70
    said = capsys.readouterr().err
    assert "builtins.RuntimeError" in said
    assert "caused by\nbuiltins.ValueError" in said
    assert f"{__file__}:" in said
    assert "Canary" not in said
    assert "1950" not in said


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert bare_traceback(first).count("builtins.ValueError") == 2


def test_a_missing_engine_names_the_extra_of_its_room() -> None:
    code = (
        "import sys; sys.modules['duckdb'] = None; from juncture.cli.failures import missing_extra\n"
        "try:\n    import juncture.analyst.study.duckdb_file\n"
        "except ModuleNotFoundError as error:\n    print(missing_extra(error))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "This command needs duckdb, which is not installed."
    assert done.stdout.rstrip().endswith('-m pip install "juncture[analyst]"')
    assert "juncture[all]" in str(missing_extra(ModuleNotFoundError("no", name="numpy")))


def test_a_report_puts_paths_on_stdout_and_talk_on_stderr(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.juncture"
    path.write_bytes(b"x" * 1234)
    report = StepReport(
        title="Did it",
        counts={"rows kept": 12345, "rows dropped: no date": 7},
        notes=("Send it.",),
        warnings=("Look.",),
        files=(WrittenFile(path, "ab" * 48),),
        next_command="juncture status",
    )
    show(report, Here(folder=tmp_path / "my folder", given=True))
    said = capsys.readouterr()
    assert said.out == f"{path}\n"
    assert said.err.splitlines() == [
        "Did it",
        "  rows kept              12,345",
        "  rows dropped: no date  7",
        "Send it.",
        "Warning: Look.",
        "Wrote a.juncture (1.2 kB)  sha384 abababababab",
        f"Next: juncture -C '{tmp_path / 'my folder'}' status" if os.name != "nt" else said.err.splitlines()[-1],
    ]


def test_no_colour_reaches_a_file(tmp_path: Path) -> None:
    assert "\x1b" not in process("-C", tmp_path, "status").err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_on_a_terminal_unless_it_is_not_wanted(
    environment: dict[str, str], coloured: bool, tmp_path: Path
) -> None:
    import pty

    reading, writing = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    words = [sys.executable, "-m", "juncture", "-C", str(tmp_path), "status"]
    subprocess.run(words, stdin=writing, stdout=writing, stderr=writing, env={**base, **environment}, check=False)
    assert (b"\x1b[" in os.read(reading, 4096)) is coloured


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "utf-8"])
def test_text_fits_every_console(encoding: str) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    shown = fitting("Łódź — 5 × ≥ 3 …", console)
    shown.encode(encoding)
    if encoding == "utf-8":
        assert shown == "Łódź — 5 × ≥ 3 …"
    else:
        assert shown.endswith("- 5 x >= 3 ...")


def test_a_console_of_an_old_code_page_never_ends_a_command(tmp_path: Path) -> None:
    ended = process("-C", tmp_path / "Łódź", "init", "police", env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert ended.code == 0
    assert (tmp_path / "Łódź" / "juncture.toml").is_file()


def test_the_log_holds_the_command_without_its_arguments(cli: Cli, tmp_path: Path) -> None:
    assert cli("-C", tmp_path / "police", "init", "police").code == 0
    assert cli("-C", tmp_path / "police", "inbox", tmp_path / "Zzyzx-Canary.juncture").code == 3
    lines = (tmp_path / "police" / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split()[2:-1] for line in lines] == [["init", "exit=0"], ["inbox", "exit=3"]]
    assert "Canary" not in "".join(lines)


def test_the_log_is_rotated(tmp_path: Path) -> None:
    (tmp_path / "juncture.toml").touch()
    for letter in "abcd":
        write_log(tmp_path, letter * (MAX_BYTES + 1))
    kept = {path.name: path.read_text(encoding="utf-8")[0] for path in tmp_path.glob("log*.txt")}
    assert kept == {"log.txt": "d", "log.1.txt": "c", "log.2.txt": "b"}


def test_a_folder_that_is_no_working_folder_gets_no_log(tmp_path: Path) -> None:
    write_log(tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


def test_command_words_leave_out_options_and_values() -> None:
    assert command_words(["-C", "demo", "keys", "new", "--passphrase-fd", "3"]) == "keys new"
    assert command_words(["--version"]) == ""


def test_doctor_says_which_module_is_in_use(cli: Cli, tmp_path: Path) -> None:
    ended = cli("-C", tmp_path, "doctor")
    assert (ended.code, ended.err) == (0, "")
    for words in ("OpenSSL", "FIPS mode", "libsodium", "GB free", "Extra agency", "no synchronised folder"):
        assert words in ended.out
    assert list(tmp_path.iterdir()) == [], "doctor leaves nothing behind"


def test_doctor_warns_of_a_synchronised_folder(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "OneDrive - City"
    folder.mkdir()
    assert "copied elsewhere by onedrive" in cli("-C", folder, "doctor").out


@pytest.mark.parametrize(
    ("here", "text", "typed"),
    [
        (Here(), "juncture status", "juncture status"),
        (Here(folder=Path("police"), given=True), "juncture keys new", "juncture -C police keys new"),
        (Here(round=2), "juncture agency grant", "juncture agency grant --round 2"),
        (Here(round=2), "juncture keys exchange", "juncture keys exchange"),
        (Here(), "", ""),
    ],
)
def test_the_next_command_uses_the_same_folder_and_round(here: Here, text: str, typed: str) -> None:
    assert here.command(text) == typed


ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    path
    for folder in ("src", "docs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md") and "reference" not in path.parts
]


@pytest.mark.parametrize("path", [ROOT / "README.md", *TEXTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_a_text_names_exists(path: Path) -> None:
    """In `code marks`, and at the beginning of a line in pages."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?<!`)`juncture ((?:[^`\n])+)`(?!`)", text)
    if path.suffix == ".md":
        named += re.findall(r"^(?:\$ )?juncture (.+)$", text, flags=re.MULTILINE)
    for words in named:
        node: click.Command = juncture
        for word in re.sub(r"^-C \S+ ", "", words).split():
            if not isinstance(node, click.Group) or not re.fullmatch("[a-z-]+", word) or word.startswith("-"):
                break
            assert word in node.commands, words
            node = node.commands[word]


def test_run_is_what_the_script_runs() -> None:
    assert run(["--version"]) == 0

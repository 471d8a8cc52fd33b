"""What the docs say exists: links, names, commands, files and the TOML that they show."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import pytest

from juncture.agency.intake.source import parse_source
from juncture.agreement.read import parse_agreement
from juncture.cli.app import juncture

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "juncture"
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
#: Package registries and forges of images; what an installer asks is a matter of its own settings.
REGISTRIES = tuple(
    f"{name}.{top}"
    for name, top in (("pypi", "org"), ("anaconda", "org"), ("conda", "io"), ("crates", "io"), ("docker", "io"))
)
NOT_OURS = "## Words we do not use"


@dataclass(frozen=True)
class Block:
    """A fenced block: the page and line of its fence, what stands behind the fence, and its text."""

    page: Path
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    inside: list[str] | None = None
    start, info = 0, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            if inside is None:
                inside, start, info = [], number, line.strip().removeprefix("```").strip()
            else:
                yield Block(page, start, info, "\n".join(inside))
                inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{page.name}: the block of line {start} is never closed"


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    kept, fenced = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            kept.append(line)
    return "\n".join(kept)


ALL_BLOCKS = [block for page in PAGES for block in blocks(page)]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor and found.suffix == ".md":
            headings = {slug(h) for h in re.findall(r"^#+ (.+)$", prose(found), re.M)}
            assert anchor in headings, f"{page.name}: {target}"


@each_page
def test_files_and_names_in_code_exist(page: Path) -> None:
    for word in re.findall(r"`([^`\n]+)`", prose(page)):
        if re.fullmatch(r"(src|tests|docs|examples|benchmarks|studies)/[\w./-]+", word):
            assert (ROOT / word).exists(), f"{page.name}: {word}"
        elif re.fullmatch(r"juncture(\.\w+)+", word) and word != "juncture.toml":
            assert resolves(word), f"{page.name}: {word}"


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module of ours or a name that one defines, without importing anything."""
    place, parts = SRC, dotted.split(".")[1:]
    for position, part in enumerate(parts):
        if (place / part).is_dir():
            place = place / part
            continue
        module = place / f"{part}.py"
        rest = parts[position + 1 :]
        if not module.is_file():
            module, rest = place / "__init__.py", parts[position:]
        return not rest or (len(rest) == 1 and rest[0] in defined(module))
    return True


@cache
def defined(module: Path) -> frozenset[str]:
    """Names that a module defines or brings in at its top."""
    names: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return frozenset(names)


# Commands ----------------------------------------------------------------------------------------------------------


def shown_commands() -> list[tuple[str, list[str], bool]]:
    """Every command of juncture as words, with where it stands and whether it must be whole.

    Those of console blocks are whole; those in running text may leave arguments out.
    """
    found = []
    for block in ALL_BLOCKS:
        if block.info not in ("console", "sh"):
            continue
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            if words[:1] == ["juncture"]:
                found.append((str(block), words[1:], True))
            elif words[1:2] == ["start.py"] and words[2:3] != ["test"]:
                found.append((str(block), words[2:], True))
    for page in PAGES:
        for text in re.findall(r"`juncture ([^`\n]+)`", prose(page)):
            if re.search(r" \d+$", text):
                continue  # a label of the formats, such as `juncture signature 1`
            found.append((str(page.relative_to(ROOT)), shlex.split(text), False))
    return found


@pytest.mark.parametrize(
    ("where", "words", "whole"),
    shown_commands(),
    ids=[f"{where} {' '.join(words)}" for where, words, _ in shown_commands()],
)
def test_commands_are_those_of_the_program(where: str, words: list[str], whole: bool) -> None:
    """Resolved by click and parsed, never run: no file is looked at and nothing is asked."""
    command: click.Command = juncture
    context = click.Context(juncture, info_name="juncture")
    rest = words
    while isinstance(command, click.Group):
        _, own = parsed(command, context, rest, interspersed=False)
        if not own:
            assert not whole or "--help" in rest or "--version" in rest, f"{where}: no command is named"
            return
        following = command.get_command(context, own[0])
        assert following is not None, f"{where}: there is no command {own[0]}"
        context = click.Context(following, info_name=own[0], parent=context)
        command, rest = following, own[1:]
    values, left = parsed(command, context, rest, interspersed=True)
    assert not left, f"{where}: {left} is one word too many"
    for parameter in command.params:
        missing = parameter.required and str(parameter.name) not in values
        assert not (whole and missing), f"{where}: {parameter.name} is missing"


def parsed(
    command: click.Command, context: click.Context, words: list[str], *, interspersed: bool
) -> tuple[dict[str, object], list[str]]:
    """Options and arguments by name, and the words that are left; raises click's error for an unknown option."""
    context.allow_interspersed_args = interspersed
    values, left, _ = command.make_parser(context).parse_args(args=list(words))
    # What was not given is a mark of click's own, which is neither text nor a flag.
    return {name: value for name, value in values.items() if isinstance(value, str | bool | list | tuple)}, left


def test_the_readme_sets_up_with_two_commands() -> None:
    shown = [
        line.strip()
        for block in ALL_BLOCKS
        if block.page.name == "README.md" and block.page.parent == ROOT and block.info in ("console", "sh")
        for line in block.text.splitlines()
        if line.strip()
    ]
    assert shown == ["python start.py demo", "python start.py test"]


# TOML --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [b for b in ALL_BLOCKS if b.info.split(" ")[0] == "toml"], ids=str)
def test_toml_is_what_it_says(block: Block, tmp_path: Path) -> None:
    tomllib.loads(block.text)
    match block.info:
        case "toml agreement":
            parse_agreement(block.text)
        case "toml source":
            parse_source(block.text, folder=tmp_path)
        case other:
            assert other == "toml", f"{block}: {other} is no kind of block"


# Words -------------------------------------------------------------------------------------------------------------


def test_names_in_the_glossary_are_in_the_source() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for pattern in ("*.py", "*.toml") for path in sorted(SRC.rglob(pattern))
    )
    entries = prose(GLOSSARY).split(NOT_OURS)[0].split("\n## ", 1)[1]
    names = {word for word in re.findall(r"`([^`\n]+)`", entries) if re.fullmatch(r"[A-Za-z_][\w.]*", word)}
    assert len(names) > 50
    kinds = {name for name in names if re.fullmatch(r"(party|police|clinic)\.\w+", name)}
    assert not [name for name in sorted(names - kinds) if not re.search(rf"\b{re.escape(name)}\b", source)]


def test_words_that_mislead_are_not_used() -> None:
    table = prose(GLOSSARY).split(NOT_OURS)[1]
    rows = re.findall(r"^\| ([^|]+) \|", table, re.M)[1:]
    banned = [word.strip() for row in rows for word in row.split(",")]
    assert len(banned) > 10
    pattern = re.compile(
        r"\b(" + "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in banned) + r")s?\b", re.I
    )
    texts = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES if page != GLOSSARY}
    texts["docs/glossary.md"] = prose(GLOSSARY).split(NOT_OURS)[0]
    for path in [*SRC.rglob("*.html"), *SRC.rglob("*.j2")]:
        texts[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
    for path in SRC.rglob("*.py"):
        texts[str(path.relative_to(ROOT))] = "\n".join(docstrings(path))
    found = {name: match[0] for name, text in texts.items() if (match := pattern.search(text))}
    assert not found


def docstrings(path: Path) -> Iterator[str]:
    """Every docstring of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


@each_page
def test_no_registry_is_named(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    assert not [host for host in REGISTRIES if host in text]


def test_decisions_have_their_parts_and_stand_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} ") and re.search(r"^Date: \d{4}-\d\d-\d\d$", text, re.M), path.name
        parts = re.findall(r"^## (.+)$", text, re.M)
        assert parts == ["Context", "Decision", "Consequences"], path.name
        assert f"({path.name})" in listed, path.name

"""The rules of the house, held by machine: one name on every floor, small files, work in its own place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("etlmon", "node", "ui")
DOMAINS = ("alerts", "clusters", "cron", "dataproc", "fs", "host", "logs", "paths", "processes", "xferlog")
SHOWN_IN = {"dataproc": "clusters"}
"""Domains without a view of their own: the one that shows them, too."""
WITHOUT_COLLECTOR = ("alerts",)
"""Domains that read what the others' collectors say, and nothing of the world."""
FLOORS = (
    "etlmon/contract/{domain}.py",
    "node/collectors/{domain}.py",
    "node/store/{domain}.py",
    "node/api/{domain}.py",
    "ui/problems/{domain}.py",
    "ui/views/{view}.py",
    "tests/node/collectors/test_{domain}.py",
    "docs/domains/{domain}.md",
)
REGISTRIES = {
    "node/collectors/__init__.py": r'Registration\(\s*"{domain}"',
    "node/api/routes.py": r"\b{domain}\.",
    "ui/problems/__init__.py": r"Judge\({domain}\.",
    "ui/views/__init__.py": r"\bui\.views\.{view}\b",
}
FILE_LINES, FUNCTION_LINES = 350, 50
TEST_FILE_LINES, TEST_FUNCTION_LINES = 600, 80


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_the_same_name_on_every_floor(domain: str) -> None:
    view = SHOWN_IN.get(domain, domain)
    floors = [floor for floor in FLOORS if domain not in WITHOUT_COLLECTOR or "node/collectors/" not in floor]
    places = [floor.format(domain=domain, view=view) for floor in floors]
    assert [place for place in places if not (ROOT / place).is_file()] == []


@pytest.mark.parametrize(
    ("domain", "registry", "pattern"),
    [
        (domain, registry, pattern)
        for domain in DOMAINS
        for registry, pattern in REGISTRIES.items()
        if domain not in WITHOUT_COLLECTOR or "node/collectors/" not in registry
    ],
)
def test_a_domain_stands_in_each_registry(domain: str, registry: str, pattern: str) -> None:
    wanted = pattern.format(domain=domain, view=SHOWN_IN.get(domain, domain))
    assert re.search(wanted, (ROOT / registry).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", modules(*PRODUCT), ids=relative)
def test_files_and_functions_of_the_product_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES]
    assert long == []


@pytest.mark.parametrize("path", modules("tests", "bench"), ids=relative)
def test_files_and_functions_of_the_tests_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= TEST_FILE_LINES
    long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 > TEST_FUNCTION_LINES]
    assert long == []


def is_broad(node: ast.ExceptHandler) -> bool:
    return node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})


def swallows(node: ast.ExceptHandler) -> bool:
    """A handler that cleans up and raises again hides nothing."""
    last = node.body[-1]
    return not (isinstance(last, ast.Raise) and last.exc is None)


def test_errors_of_any_kind_are_caught_only_at_the_edges() -> None:
    edges = {"node/run.py", "node/api/errors.py", "ui/poller.py"}
    found = {
        relative(path)
        for path in modules(*PRODUCT)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and swallows(node)
    }
    assert found == edges


def test_sql_stands_only_in_the_store() -> None:
    sql = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|DELETE FROM|UPDATE \w+ SET|PRAGMA \w+)\b")
    found = {
        relative(path)
        for path in modules(*PRODUCT)
        if not relative(path).startswith("node/store/")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sql.search(node.value)
    }
    assert found == set()


def test_views_and_widgets_do_no_input_or_output() -> None:
    forbidden = {"aiohttp", "socket", "subprocess", "sqlite3", "aiosqlite", "etlmon.client"}
    for path in modules("ui/views", "ui/widgets"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not forbidden & set(names), f"{relative(path)} imports {names}"


def test_importing_a_package_starts_nothing() -> None:
    """No file opens, starts or registers anything at import: only definitions, constants and imports stand outside.

    What Textual reads from the environment at its own import is the one exception.
    """
    allowed = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Assign,
        ast.AnnAssign,
        ast.If,
    )
    for path in modules(*PRODUCT):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_default = ast.unparse(node).startswith("os.environ.setdefault('TEXTUAL_")
            assert is_docstring or is_default or isinstance(node, allowed), f"{relative(path)}:{node.lineno}"

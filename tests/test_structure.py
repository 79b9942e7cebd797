"""The import rules of the house, read from the source."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.harness import ROOT

PACKAGE = ROOT / "chatroom"
LONGEST_FILE = 400
STORE = ("chatroom.storage.sqlite", "chatroom.storage.redis", "chatroom.storage.keys")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports(module: str) -> set[str]:
    """Return every module that a module imports; what comes from a package counts as a module."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in FILES else node.module)
    return found


def below(*folders: str) -> list[str]:
    found = [m for m in FILES if m.startswith(tuple(f"chatroom.{f}" for f in folders))]
    assert found, f"there is no module in {folders}"
    return found


def names(module: str, forbidden: tuple[str, ...]) -> list[str]:
    """Return the forbidden modules, or modules inside them, that a module imports."""
    return sorted(
        i for i in imports(module) if any(i == f or i.startswith(f + ".") for f in forbidden)
    )


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("chatroom.errors", set()),
        ("chatroom.text", {"chatroom.errors"}),
        ("chatroom.addresses", {"chatroom.errors"}),
        ("chatroom.protocol", {"chatroom.errors"}),
        ("chatroom.tunnel", set()),
        ("chatroom.sentences", {"chatroom.protocol"}),
        ("chatroom.names", {"chatroom.errors", "chatroom.text"}),
        ("chatroom.irc.grammar", {"chatroom.errors", "chatroom.text", "chatroom.protocol"}),
    ],
)
def test_the_floors_know_nobody_above_them(module: str, allowed: set[str]) -> None:
    assert {i for i in imports(module) if i.startswith("chatroom")} <= allowed


@pytest.mark.parametrize("module", below("rooms", "accounts"))
def test_rooms_and_accounts_know_no_socket_and_no_database(module: str) -> None:
    forbidden = ("socket", "ssl", "select", "selectors", "sqlite3", "chatroom.net")
    assert names(module, (*forbidden, *STORE, "chatroom.storage.sqlite.accounts")) == []


@pytest.mark.parametrize("module", [m for m in FILES if m != "chatroom.server"])
def test_only_the_composition_root_names_a_concrete_engine(module: str) -> None:
    engines = ("chatroom.storage.sqlite.engine", "chatroom.storage.redis.engine")
    assert module == "chatroom.storage.sqlite" or names(module, engines) == []
    assert "chatroom.storage.sqlite" not in imports(module)  # the package gives the engine


def test_the_composition_root_does_name_one() -> None:
    assert "chatroom.storage.sqlite" in imports("chatroom.server")


@pytest.mark.parametrize("face", ["irc", "web"])
@pytest.mark.parametrize("module", list(FILES))
def test_only_the_door_knows_the_faces_of_other_programs(module: str, face: str) -> None:
    package = f"chatroom.{face}"
    doors = ("chatroom.server", "chatroom.door")
    is_inside = module in doors or module.startswith(package)
    assert is_inside or names(module, (package,)) == []


WHOLE_ENGINE = ("chatroom.server", "chatroom.rooms.assembly", "chatroom.ops.", "chatroom.storage.")


@pytest.mark.parametrize("module", [m for m in FILES if not m.startswith(WHOLE_ENGINE)])
def test_whoever_does_not_put_parts_together_asks_for_roles_and_not_for_the_engine(
    module: str,
) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "chatroom.storage.engine"
        for alias in node.names
    }
    assert "Engine" not in imported


def reached(module: str) -> set[str]:
    """Return all that a module imports, at whatever depth."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for one in imports(waiting.pop()):
            if one not in found:
                found.add(one)
                waiting += [one] if one in FILES else []
    return found


@pytest.mark.parametrize("module", below("storage.redis", "storage.rules", "storage.codec"))
def test_one_engine_knows_nothing_of_the_other(module: str) -> None:
    found = {one for one in reached(module) if one.startswith(("sqlite3", "chatroom.storage.sql"))}
    assert found == set()


def test_no_module_imports_itself_by_a_detour() -> None:
    tuple(TopologicalSorter({module: imports(module) for module in FILES}).static_order())


@pytest.mark.parametrize(("package", "most"), [("storage", 10), ("client", 18)])
def test_a_package_has_few_rooms(package: str, most: int) -> None:
    inside = {module.split(".")[2] for module in below(package) if module.count(".") > 1}
    assert len(inside) <= most, sorted(inside)


@pytest.mark.parametrize(
    "module",
    [m for m in FILES if not m.startswith(("chatroom.net", "chatroom.client", "chatroom.ops"))],
)
def test_only_net_the_client_and_the_operators_tools_import_socket(module: str) -> None:
    tls = () if module == "chatroom.tunnel" else ("ssl",)  # sans-I/O, for both ends
    assert names(module, ("socket", "socketserver", *tls)) == []


def test_the_client_does_not_need_the_server() -> None:
    server = (
        *("net", "storage", "rooms", "session", "accounts", "commands", "ops", "server", "names"),
    )
    forbidden = (*(f"chatroom.{part}" for part in server), "Crypto", "simplecrypt", "precis_i18n")
    client = [module for module in FILES if module.startswith("chatroom.client")]
    assert {module: names(module, forbidden) for module in client} == {m: [] for m in client}


def test_the_client_as_a_library_knows_no_command_line_and_no_screen() -> None:
    reached, todo = set[str](), ["chatroom.client.api"]
    while todo:
        reached.add(module := todo.pop())
        todo += sorted((imports(module) & FILES.keys()) - reached)
    assert [m for m in reached if m.startswith(("chatroom.client.cli", "chatroom.client.ui"))] == []


def test_the_clients_conversation_knows_no_socket_and_no_thread() -> None:
    forbidden = ("socket", "select", "selectors", "ssl", "threading", "logging")
    reached, todo = set[str](), below("client.conversation")
    while todo:
        reached.add(module := todo.pop())
        todo += sorted((imports(module) & FILES.keys()) - reached)
    reached.discard("chatroom.tunnel")  # sans-I/O, and only for the word before a fingerprint
    assert {module: names(module, forbidden) for module in reached} == {m: [] for m in reached}


def test_the_client_seen_from_above_has_few_rooms() -> None:
    folder = PACKAGE / "client"
    rooms = [f for f in folder.iterdir() if f.suffix == ".py" or (f / "__init__.py").exists()]
    assert len([room for room in rooms if room.name != "__init__.py"]) <= 18


@pytest.mark.parametrize("module", [m for m in FILES if not m.startswith("chatroom.ops")])
def test_only_the_composition_root_knows_the_operators_commands(module: str) -> None:
    assert module == "chatroom.server" or names(module, ("chatroom.ops",)) == []


@pytest.mark.parametrize("module", FILES)
def test_no_file_outgrows_its_house(module: str) -> None:
    lines = FILES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE, f"{module} has {lines} lines: it wants to be two rooms"


def test_no_modules_import_each_other_in_a_circle() -> None:
    def walk(module: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if module in path:
            yield (*path[path.index(module) :], module)
        elif module not in done:
            for imported in sorted(imports(module) & FILES.keys()):
                yield from walk(imported, (*path, module))
            done.add(module)

    done: set[str] = set()
    circles = [" -> ".join(circle) for module in FILES for circle in walk(module, ())]
    assert circles == []

"""Build the client as one file: python packaging/client_zipapp.py [FILE]

It holds the modules that the client imports, and the installed libraries of its prompt with their
licences. What is compiled is for the Python that builds it; others compile it as they start.
"""

import ast
import compileall
import importlib.metadata
import py_compile
import sys
import tempfile
import zipapp
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("prompt_toolkit", "wcwidth")
MAIN = "from chatroom.client import main\n\nraise SystemExit(main())\n"


def needed(root: Path) -> set[Path]:
    """Return the files of ``chatroom`` that the client imports, at whatever depth."""
    waiting = [*sorted((root / "chatroom" / "client").rglob("*.py"))]
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for parent in file.relative_to(root).parents:
            package = root / parent / "__init__.py"
            if parent != Path() and package.exists():
                waiting.append(package)
        for node in ast.walk(ast.parse(file.read_bytes())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            for name in names:
                base = root.joinpath(*name.split("."))
                files = (base.with_suffix(".py"), base / "__init__.py")
                waiting += [file for file in files if file.exists()]
    return found


def build(target: Path) -> None:
    """Write the archive."""
    with tempfile.TemporaryDirectory() as folder:
        for file in needed(ROOT):
            copy = Path(folder) / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
        for library in LIBRARIES:
            _take(library, Path(folder))
        never = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder, quiet=2, legacy=True, invalidation_mode=never)
        (Path(folder) / "__main__.py").write_text(MAIN)
        zipapp.create_archive(folder, target, "/usr/bin/env python3", compressed=True)


def _take(library: str, folder: Path) -> None:
    """Copy an installed library.

    :raises SystemExit: it is not installed.
    """
    try:
        files = importlib.metadata.files(library) or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"{library} is not installed: pip install -r requirements.txt") from None
    for file in files:
        if file.suffix != ".pyc" and ".." not in file.parts:
            copy = folder / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_binary())


if __name__ == "__main__":
    build(Path(sys.argv[1] if len(sys.argv) > 1 else "chatroom-client.pyz"))

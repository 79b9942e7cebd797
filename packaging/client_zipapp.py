"""Build the client as one file: python packaging/client_zipapp.py [FILE]

It holds the modules that the client imports, and nothing that has to be installed.
"""

import ast
import sys
import tempfile
import zipapp
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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
        (Path(folder) / "__main__.py").write_text(MAIN)
        zipapp.create_archive(folder, target, "/usr/bin/env python3", compressed=True)


if __name__ == "__main__":
    build(Path(sys.argv[1] if len(sys.argv) > 1 else "chatroom-client.pyz"))

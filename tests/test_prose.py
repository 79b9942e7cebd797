"""No program decides by a sentence: client and sessions look at codes, words and fields only."""

import ast
from collections.abc import Iterator

import pytest

from tests.test_structure import FILES, below

SEARCHES = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
    *("find", "rfind", "index", "rindex", "count", "split", "rsplit", "replace", "strip"),
    *("compile", "match", "search", "fullmatch", "findall", "finditer", "sub"),
}
"""Methods of texts and functions of ``re`` that look into a text."""
SENTENCES = {"text", "line", "lines", "sentence", "sentences", "prose", "reason", "why", "told"}
"""What holds a text for people in this house, as a variable or as a field."""


def is_prose(text: str) -> bool:
    """Tell whether a constant is a part of a sentence: it has a letter and a blank.

    Codes, kinds, names of fields and commands have none; a line of the protocol begins with ``>``.
    """
    return " " in text and any(c.isalpha() for c in text) and not text.startswith(">")


def is_word(text: str) -> bool:
    """Tell whether a constant is a word that may stand in a sentence: no command, no mark."""
    return any(c.isalpha() for c in text) and text[0] not in "/>"


def constants(node: ast.expr, named: dict[str, ast.expr]) -> Iterator[str]:
    """Yield the texts that an operand consists of; what is computed by calls is not looked at."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            yield node.value.decode("latin-1")
        elif isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.Name) and node.id in named:
        yield from constants(named[node.id], {})
    else:
        parts = {ast.Tuple: "elts", ast.List: "elts", ast.Set: "elts", ast.JoinedStr: "values"}
        for part in getattr(node, parts.get(type(node), ""), ()):
            yield from constants(part, named)
        if isinstance(node, ast.BinOp):
            yield from constants(node.left, named)
            yield from constants(node.right, named)


def is_sentence(node: ast.expr) -> bool:
    """Tell whether an expression is a text for people, or a part of one, as its name says."""
    while isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr in SENTENCES:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            return node.func.id == "lines_of" or (node.func.id == "text_of" and "text" in texts)
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id in SENTENCES


def decisions(source: str) -> list[str]:
    """Return what in a source compares, searches or cuts a sentence."""
    tree = ast.parse(source)
    named = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            looked_at = what = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            looked_at = [node.subject]
            inner = (one for case in node.cases for one in ast.walk(case.pattern))
            what = [one.value for one in inner if isinstance(one, ast.MatchValue)]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in SEARCHES:
            assert isinstance(node.func, ast.Attribute)
            is_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            looked_at = node.args[1:] if is_re else [node.func.value]
            what = node.args[:1]
        else:
            continue
        in_sentence = any(is_sentence(one) for one in looked_at)
        for text in [text for one in what for text in constants(one, named)]:
            if is_prose(text) or (in_sentence and is_word(text)):
                found.append(f"line {node.lineno}: {text!r} in {ast.unparse(node)[:80]}")
    return found


@pytest.mark.parametrize("module", below("client", "session"))
def test_nothing_is_decided_by_a_sentence(module: str) -> None:
    assert decisions(FILES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'if text.startswith("Too many"): pass',
        'if "password" in fields["text"].text.lower(): pass',
        'if "password" in sentence.lower(): pass',
        'if text_of(fields, "text") == "Welcome": pass',
        'if lines_of(fields).split()[0] == "Welcome": pass',
        'said.removesuffix(" Try again.")',
        'head = said.partition(f"private from {sender}: ")',
        '_BAN = "is banned"\nif _BAN in said: pass',
        'if re.match("Welcome", line): pass',
        'match said:\n    case "The server stops.": pass',
        'if line in ("yes", "Good bye"): pass',
        'if raw == b"not found": pass',
    ],
)
def test_a_decision_by_a_sentence_is_found(source: str) -> None:
    assert decisions(source) != []


@pytest.mark.parametrize(
    "source",
    [
        'if line.startswith(("/", "//")) or line.startswith(">control "): pass',
        'if said.word == "notice" and fields.get("kind") == "welcome": pass',
        'if text.count("\\n") > 3 or self.text.lower().split()[:1] == ["/disconnect"]: pass',
        'if text_of(fields, "from") == own or "cid" in fields: pass',
        'self.tell("Good bye." if kind == "left" else "The connection was lost.")',
    ],
)
def test_a_decision_by_a_code_or_a_word_of_the_protocol_is_none(source: str) -> None:
    assert decisions(source) == []

"""Answers with the label of the line that they answer. Pure.

https://ircv3.net/specs/extensions/labeled-response
"""

from collections.abc import Sequence

from chatroom.irc.grammar import format_line, format_tags

LABEL = "label"
LABEL_LONGEST = 64
"""Bytes of UTF-8."""
_REF = "l"  # of the batch around an answer: one such batch is never inside another


def with_tag(line: str, key: str, value: str) -> str:
    """Return a line with one more tag in front."""
    tag = format_tags({key: value})
    return f"{tag};{line[1:]}" if line.startswith("@") else f"{tag} {line}"


def labelled(lines: Sequence[str], label: str, server: str, has_batches: bool) -> list[str]:
    """Return the answer to a labelled line: the label stands on one line, or on one batch.

    :param lines: with their ends; none: that is acknowledged.
    :param server: its name.
    :param has_batches: the client knows batches; else the label stands on the first line.
    """
    if not lines:
        return [format_line("ACK", source=server, tags={LABEL: label}) + "\r\n"]
    if len(lines) == 1 or not has_batches or _is_one_batch(lines):
        return [with_tag(lines[0], LABEL, label), *lines[1:]]
    tags = {LABEL: label}
    head = format_line("BATCH", "+" + _REF, "labeled-response", source=server, tags=tags)
    tail = format_line("BATCH", "-" + _REF, source=server)
    return [head + "\r\n", *map(_inside, lines), tail + "\r\n"]


def _inside(line: str) -> str:
    """Return a line as part of the answer's batch, unless it is of a batch in that."""
    if line.startswith(("BATCH -", "@batch=")) or ";batch=" in _tags_of(line):
        return line
    return with_tag(line, "batch", _REF)


def _tags_of(line: str) -> str:
    return line.partition(" ")[0] if line.startswith("@") else ""


def _is_one_batch(lines: Sequence[str]) -> bool:
    _, opened, rest = lines[0].partition(" BATCH +")
    ref = rest.partition(" ")[0]
    return bool(opened) and lines[-1].rstrip("\r\n").endswith(f"BATCH -{ref}")

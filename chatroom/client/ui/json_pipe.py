"""A script whose standard output is JSON: messages, and what commands answer, one object a line."""

from chatroom.answers import OK
from chatroom.client.api.records import RECORD_VERSION, Message
from chatroom.client.pending import Sent
from chatroom.client.said import Said
from chatroom.client.ui.pipe import Pipe

_NOT_FOR_PROGRAMS = ("cid", "head", "foot")
"""Fields of a ``>result`` that are the client's own."""


class JsonPipe(Pipe):
    """The frontend of a script that reads JSON; see ``Pipe``."""

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        if said.word == "result" and sent is not None:
            fields = {k: v for k, v in said.fields.items() if k not in _NOT_FOR_PROGRAMS}
            self._write_record("result", {"line": sent.number, "code": OK, "rows": [], **fields})
            text = "" if fields.get("ok") is True else text
        super().show(said, text, sent)

    def write(self, said: Said, text: str) -> None:
        fields = said.fields
        if said.word == "message":
            record = Message.of(fields).record()
            if "re" in fields:
                record["line"] = self.in_hand
            self._screen.write_json(record)
        else:  # of an export; or what older servers answer instead of a result
            self._write_record(said.word, fields)

    def _write_record(self, kind: str, fields: dict[str, object]) -> None:
        self._screen.write_json({"v": RECORD_VERSION, "type": kind, **fields})

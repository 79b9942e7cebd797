"""Times as the reader of the client has them: in the own zone, with 12 or 24 hours, days named."""

import locale
import math
import time
import unicodedata
from datetime import date

from chatroom.sentences import UNKNOWN, Clock

HOURS = (12, 24)
_FORMS = {12: "%I:%M %p", 24: "%H:%M"}
_AFTERNOON = (2026, 1, 1, 13, 0, 0, 3, 1, 0)
_NAMED_DAYS = 7  # of weekdays, the day of today among them: no two have the same name


def hours_of_locale() -> int:
    """Return 12 or 24, as the locale of the environment has it (``LC_TIME``). The main thread.

    Where there is no such locale, or it is the one of C, there are 24 hours.
    """
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "")
        shown = time.strftime("%X", _AFTERNOON)
    except (locale.Error, ValueError, UnicodeError):
        return 24
    finally:
        locale.setlocale(locale.LC_TIME, before)
    digits = "".join(str(unicodedata.digit(c, c)) for c in shown)
    return 24 if "13" in digits else 12


class ReaderClock(Clock):
    """The clock of whoever reads. Any thread.

    :param hours: 12 or 24.
    """

    def __init__(self, hours: int) -> None:
        self._form = _FORMS[hours]
        self._last = (-1, "")  # a minute, and how it is told: one attribute, both belong together

    def time(self, seconds: float) -> str:
        try:
            minute = int(seconds // 60)
            known, told = self._last
            if minute != known:
                told = time.strftime(self._form, time.localtime(seconds))
                self._last = (minute, told)
        except (ValueError, OverflowError, OSError):
            return UNKNOWN
        return told

    def when(self, seconds: float) -> str:
        told, day = self.time(seconds), self._day_word(seconds)
        return told if day in ("", "today") else f"{day} {told}"

    def dated(self, seconds: float) -> str:
        return f"{self._day_word(seconds)} {self.time(seconds)}".lstrip()

    def minute(self, seconds: float) -> str:
        return "forever" if math.isinf(seconds) else self.dated(seconds)

    def day(self, seconds: float) -> str:
        word = self._day_word(seconds)
        if not word or word in ("today", "yesterday", "tomorrow"):
            return word
        day = date(*time.localtime(seconds)[:3])
        return f"{day:%A}, {day.day} {day:%B %Y}"

    @staticmethod
    def _day_word(seconds: float) -> str:
        """Return the day in a word: its name where that is near enough, else its date."""
        try:
            day = date(*time.localtime(seconds)[:3])
        except (ValueError, OverflowError, OSError):
            return ""
        ago = (date(*time.localtime()[:3]) - day).days
        if ago in (-1, 0, 1):
            return ("today", "yesterday", "tomorrow")[ago]
        return f"{day:%A}" if 0 < ago < _NAMED_DAYS else day.isoformat()

"""The command line of both programs."""

import argparse
from typing import NoReturn

from chatroom.text import escape


class Flags(argparse.ArgumentParser):
    """An ArgumentParser whose errors repeat what was typed with its control characters escaped."""

    def error(self, message: str) -> NoReturn:
        super().error(escape(message))

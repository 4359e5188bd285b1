"""A parser of options whose errors are written for people who have never seen argparse."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Collection
from typing import NoReturn


class CommandParser(argparse.ArgumentParser):
    """argparse's parser, with plainer errors."""

    unknown_hint = ""
    """What the error about an unknown option, to which none is similar, goes on to say."""

    @property
    def option_names(self) -> Collection[str]:
        """All options, with their dashes."""
        return self._option_string_actions.keys()

    def error(self, message: str) -> NoReturn:
        """Tells the usage of this command and what is wrong, and exits with 2."""
        self.exit(2, f"{self.format_usage()}{self.prog}: {self._plain(message)}\n")

    def _plain(self, message: str) -> str:
        for pattern, say in self._sayings():
            if found := re.fullmatch(pattern, message):
                return say(found)
        return message.removeprefix("argument ")

    def _sayings(self) -> list[tuple[str, Callable[[re.Match[str]], str]]]:
        return [
            (r"the following arguments are required: (.*?)(?:, \.\.\.)?", lambda found: f"{found[1]} is missing"),
            (r"unrecognized arguments: (\S+).*", lambda found: self._unknown(found[1])),
            (r"argument (\S+): expected one argument", lambda found: f"{found[1]} needs a value"),
            (r"argument (\S+): ignored explicit argument .*", lambda found: f"{found[1]} takes no value"),
        ]

    def _unknown(self, argument: str) -> str:
        if not argument.startswith("-"):
            return f"{argument!r} is one argument too many"
        name = argument.partition("=")[0]
        return f"no option {name}{suggestion(name, self.option_names) or self.unknown_hint}"


def suggestion(word: str, known: Collection[str]) -> str:
    """Asks whether the known word that is most like this one was meant; empty when none is like it."""
    by_name = {one.lstrip("-"): one for one in known}
    nearest = difflib.get_close_matches(word.lstrip("-"), by_name, n=1)
    return f"; did you mean {by_name[nearest[0]]}?" if nearest else ""

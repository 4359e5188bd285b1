"""A text file in; numbers and a text file out."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from flytekit import current_context, task
from flytekit.types.file import FlyteFile

TOP = 20


class WordCount(NamedTuple):
    """How long the text is, and which words it uses most."""

    words: int
    lines: int
    most_common: FlyteFile


@task
def count_words(text: FlyteFile) -> WordCount:
    """Counts the words of a text and lists the most common ones, those of equal count by the alphabet."""
    content = Path(text).read_text(encoding="utf-8")
    words = re.findall(r"[a-z']+", content.lower())
    ranked = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
    report = Path(current_context().working_directory) / "most_common.txt"
    report.write_text("".join(f"{count:5d} {word}\n" for word, count in ranked[:TOP]), encoding="utf-8")
    return WordCount(words=len(words), lines=len(content.splitlines()), most_common=FlyteFile(str(report)))

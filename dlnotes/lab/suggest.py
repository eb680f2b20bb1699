"""The nearest name: what a misspelt word may have meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str:
    """' (did you mean ...?)' for the choice nearest to `word`, or '' where none is near."""
    names = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower(), names, n=1)
    close = close or [name for name in names if len(word) > 2 and word.lower() in name]
    return f" (did you mean {names[close[0]]}?)" if close else ""

"""What a user did wrong, on one line."""

import sys

LONGEST = 1000  # characters: of a longer line the middle is left out


def complain(message: str, code: int) -> int:
    """Print one line on stderr, of characters that every terminal shows as they are; returns the exit code."""
    line = " ".join(message.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    print("dlnotes:", shown, file=sys.stderr)
    return code

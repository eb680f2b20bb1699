"""Who watches a run: the engine calls these; the command line shows them."""


class Progress:
    """Silent. Subclasses show what they are told."""

    def program(self, study: str, label: str, trials: int, steps: int) -> None:
        """A program begins."""

    def compiled(self, seconds: float) -> None:
        """It has been compiled."""

    def advance(self, done: int, total: int) -> None:
        """`done` of `total` steps are done."""

    def finished(self, seconds: float) -> None:
        """It has ended."""

    def note(self, text: str) -> None:
        """Something the user should know."""

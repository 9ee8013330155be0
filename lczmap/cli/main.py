"""The entry point: finds the command, turns every ending into one sentence and an exit code.

Commands are imported only when they are called, so that `--help` answers at once.
"""

import importlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from lczmap import __version__
from lczmap.cli.speak import Voice
from lczmap.words.errors import LczmapError

INTERRUPTED = 128 + signal.SIGINT
"""Exit status after Ctrl-C (130)."""
TERMINATED = 128 + signal.SIGTERM
"""Exit status after a polite kill (143)."""

COMMANDS: dict[str, tuple[str, str]] = {
    "city": ("lczmap.cli.city:city", "Map a city or an area: search, composite, segment, classify, publish."),
    "plan": ("lczmap.cli.plan:plan", "Say what a run would take: cells, scenes, gigabytes, time."),
    "demo": ("lczmap.cli.demo:demo", "Map a simulated city, offline, with nothing to configure."),
    "simulate": ("lczmap.cli.simulate:simulate", "Make a simulated city: scenes, a picture at 1 m, the true map."),
    "explain": ("lczmap.cli.explain:explain", "Explain one square: windows, instances, graph and verdicts."),
    "cities": ("lczmap.cli.lists:cities", "List the cities of the catalogue, or look one up."),
    "sources": ("lczmap.cli.lists:sources", "List the sources of imagery."),
    "models": ("lczmap.cli.lists:models", "List the models and segmenters, or show one's card."),
    "doctor": ("lczmap.cli.doctor:doctor", "Tell whether this machine is ready."),
}
"""Where each command lives, and its line of help."""


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


class Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, not of the alphabet."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 2 usage, 3 partial map, 4 no usable imagery, 5 source or store failed, 1 a bug, "
    "130 interrupted, 143 terminated.",
)
@click.version_option(__version__, prog_name="lczmap")
def lczmap() -> None:
    """Map whole cities into Local Climate Zones.

    The main job is one command:  lczmap city Hangzhou --date 2023-H1
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Args:
        arguments: words after the program's name; by default the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = status_of(words)
    sys.stdout.flush()
    sys.stderr.flush()
    if code in (INTERRUPTED, TERMINATED):
        # readers may still wait for the network; records and products are whole or absent, so none is waited for
        os._exit(code)
    sys.exit(code)


def status_of(words: Sequence[str]) -> int:  # noqa: PLR0911 - one return an ending
    """Run one command line in this process.

    Returns:
        Its exit status.
    """
    stop_listening = _listen_for_sigterm()
    try:
        result = lczmap.main(args=list(words), prog_name="lczmap", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        return _say(error.format_message(), 2, words)
    except LczmapError as error:
        return _say(str(error), error.exit_code, words)
    except (KeyboardInterrupt, click.Abort):
        return _say("Interrupted; finished tiles are kept, the same command goes on from there.", INTERRUPTED)
    except Terminated:
        return _say("Terminated; finished tiles are kept, the same command goes on from there.", TERMINATED)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug becomes a report, not a traceback
        return _say(f"This is a bug in lczmap ({error!r}); please report it with {_bug_report(words)}.", 1)
    finally:
        stop_listening()
    return result if isinstance(result, int) else 0


def _say(sentence: str, code: int, words: Sequence[str] = ()) -> int:
    if "--json" in words:
        Voice(as_json=True).fact("error", {"code": code, "text": sentence})
    click.echo(f"lczmap: {sentence}", err=True)
    return code


def _listen_for_sigterm() -> Callable[[], None]:
    """Turn SIGTERM into `Terminated`; calling the result undoes that."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread: somebody embeds us and handles signals
        return lambda: None

    def stop() -> None:
        signal.signal(signal.SIGTERM, before)

    return stop


def _bug_report(words: Sequence[str]) -> Path:
    """Write what is known of a bug to a file of its own."""
    now = datetime.now(UTC)
    text = "\n".join(
        [
            f"lczmap {__version__}, Python {sys.version.split()[0]}, {sys.platform}, {now:%Y-%m-%dT%H:%M:%SZ}",
            "command: lczmap " + " ".join(word.split("?")[0] for word in words),  # what follows ? may be a secret
            "",
            traceback.format_exc(),
        ]
    )
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"lczmap-bug-{now:%Y%m%dT%H%M%S}-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write(text)
    return Path(report.name)

"""How a run is told: bars on a terminal, plain lines when piped, JSON for machines, nothing when quiet."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from lczmap.words.event import Event, Listener, nobody


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; where the reader has gone (`| head`), go on in silence: a map is worth more than its telling."""
    stream = sys.stderr if err else sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@dataclass(frozen=True, kw_only=True)
class Voice:
    """The tone of one command."""

    as_json: bool = False
    """One JSON object a line on standard output, and nothing else there."""
    quiet: bool = False
    """Only errors."""

    def say(self, text: str = "") -> None:
        """One line for people, on standard output."""
        if not (self.as_json or self.quiet):
            echo(text)

    def fact(self, kind: str, facts: Mapping[str, object]) -> None:
        """One object for machines."""
        if self.as_json:
            echo(json.dumps({"event": kind, **facts}, default=str))

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """A listener for a run, for as long as the run lasts."""
        if self.as_json:
            yield self._as_json
        elif self.quiet:
            yield nobody
        elif sys.stderr.isatty():
            with _bars() as listener:
                yield listener
        else:
            yield _plain_lines()

    def _as_json(self, event: Event) -> None:
        self.fact(event.stage, {name: value for name, value in asdict(event).items() if name != "stage" and value})


def _plain_lines() -> Listener:
    """Lines on standard error, thinned where a stage has very many units."""

    def tell(event: Event) -> None:
        step = max(1, event.total // 20)
        if not event.total:
            echo(f"{event.stage}: {event.text}", err=True)
        elif event.done % step == 0 or event.done == event.total:
            echo(f"{event.stage} {event.done}/{event.total}: {event.text}", err=True)

    return tell


@contextmanager
def _bars() -> Iterator[Listener]:
    """Progress bars with the time left, on standard error."""
    from rich.console import Console  # noqa: PLC0415 - rich costs 0.1 s, which --help must not pay
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        stages: dict[str, TaskID] = {}

        def tell(event: Event) -> None:
            if not event.total:
                progress.console.print(f"{event.stage}: {event.text}", highlight=False, markup=False)
                return
            if event.stage not in stages:
                stages[event.stage] = progress.add_task(event.stage, total=event.total, text="")
            progress.update(stages[event.stage], completed=event.done, total=event.total, text=event.text)

        yield tell

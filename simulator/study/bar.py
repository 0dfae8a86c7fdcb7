"""A progress bar on standard error, where somebody watches; nothing where nobody does. Drawing only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


@contextmanager
def bar(title: str, quiet: bool) -> Iterator[Callable[[float], None]]:
    """Yields what is called with the share done, 0 to 1."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(title, total=1.0)

        def update(share: float) -> None:
            progress.update(task, completed=share)

        yield update

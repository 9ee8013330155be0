"""The site: where and how a run happens. It decides how soon a map is there, never what it shows."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Site:
    """One machine, one store, one way of working."""

    out: Path = Path("lczmap-out")
    """Folder of products and, under `.lczmap`, of records."""
    local_source: Path | None = None
    """Catalogue on disk, where the plan's source is `local`."""
    vhr: str | None = field(default=None, repr=False)
    """VHR imagery as it was typed, where that says more than a plan may keep: a path, or an address with a key."""
    checkpoint: Path | None = None
    """Weights of an official SAM on disk; None where the segmenter's weights are shipped or it has none."""
    device: str = "auto"
    """Where models run: `cpu`, `cuda`, `cuda:1`; `auto` takes a GPU where there is one."""
    threads: int | None = None
    """Threads for reading and for arithmetic; None takes one a core."""

    @property
    def records(self) -> Path:
        """Folder of tile records."""
        return self.out / ".lczmap"

"""What is known about a source of Sentinel-2 imagery before anything is asked of it.

Plain data: where it answers, what its assets are called, how its digital numbers become
reflectance. Who talks to it lives in `lczmap.imagery`; the entries live in `catalogs/sources.toml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lczmap.words.bands import BAND_NAMES
from lczmap.words.errors import SpecError

OffsetRule = Literal["data", "baseline", "none"]
"""How the radiometric offset of an item is settled (see `SourceRules.offset_rule`)."""
Signing = Literal["none", "planetary-computer"]
"""How addresses of assets become readable (see `SourceRules.signing`)."""


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """One source of Sentinel-2 L2A imagery."""

    name: str
    """Short name, what `--source` takes; `local` for a catalogue on disk."""
    title: str
    """Name for people."""
    url: str | None
    """Address of the STAC API or static catalogue; None for a catalogue on disk (paths are never kept)."""
    collection: str | None
    """STAC collection; None takes `sentinel-2-l2a`, or the only one that the catalogue holds."""
    assets: Mapping[str, str]
    """Asset key by band name, all ten of `BAND_NAMES`."""
    scl: str | None
    """Asset key of the scene classification (SCL); None where the source has none."""
    offset_rule: OffsetRule
    """`data`: decided from the pixels, metadata as prior; `baseline`: -1000 DN at processing baseline
    04.00 and later; `none`: the pixels are harmonised already."""
    signing: Signing = "none"
    """`none`: addresses open as they are; `planetary-computer`: a token is fetched just before opening."""
    env: tuple[str, ...] = ()
    """Names of the environment variables that hold credentials; never their values."""
    s3_endpoint: str | None = None
    """Host that answers S3 requests for the assets; None for Amazon's own or no S3."""
    licence: str
    """Licence of the imagery."""
    attribution: str
    """Line that every product must carry."""
    notes: str = ""
    """What a user should know before choosing the source."""

    def __post_init__(self) -> None:
        """Refuse rules that leave one of the ten bands without an asset."""
        missing = [band for band in BAND_NAMES if band not in self.assets]
        unknown = sorted(set(self.assets) - set(BAND_NAMES))
        if missing or unknown:
            raise SpecError(
                f"The source {self.name!r} names assets for {sorted(self.assets)}; expected exactly {list(BAND_NAMES)}."
            )

    @property
    def digest_fields(self) -> dict[str, str | dict[str, str] | None]:
        """Only what can change a pixel, as plain JSON: collection, asset keys and offset rule.

        Address, titles, signing and credentials are left out: a mirror gives the same map.
        """
        return {
            "collection": self.collection,
            "assets": {band: self.assets[band] for band in BAND_NAMES},
            "scl": self.scl,
            "offset_rule": self.offset_rule,
        }

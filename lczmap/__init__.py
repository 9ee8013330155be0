"""Map whole cities into Local Climate Zones from Sentinel-2 and very-high-resolution imagery."""

__version__ = "0.1.0"

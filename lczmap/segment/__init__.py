"""Cutting 1 m pictures into instances: segment-anything, and superpixels that need no weights."""

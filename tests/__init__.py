"""Tests, named by the laws they prove."""

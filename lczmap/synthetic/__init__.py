"""Simulated cities: a place that exists nowhere, seen by Sentinel-2, with its true classes."""

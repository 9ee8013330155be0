"""Prefect flows: standing city runs with retries and schedules. Run from a checkout; not part of the wheel."""

"""One square explained: from a map that stands, or by itself; gathers, never draws."""

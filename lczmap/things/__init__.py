"""The data that flows: one type a file, numpy inside, and the pure functions that make it."""

"""Training: datasets, splits, loops and evaluation. Nothing imports this room but the command line."""

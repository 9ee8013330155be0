"""The face on the command line; the only part that prints."""

"""The vocabulary: small frozen types and pure functions that every other room speaks in."""

"""The vault and everything about keys and the data directory."""

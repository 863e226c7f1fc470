"""Other people's tools with these games: `python -m examples.NAME`, from the repository's root."""

"""What the rest is measured with: `python -m benchmarks.NAME`, from the repository's root."""

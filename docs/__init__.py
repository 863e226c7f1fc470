"""Documents, and what draws their pictures: `python -m docs.make_NAME`, from the root."""

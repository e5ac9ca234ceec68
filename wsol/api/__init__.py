"""The Python face: what `wsol.attribute`, `wsol.localize`, `wsol.evaluate` and the others are; one file each."""

"""What the documentation site makes of the package: pages from the registries' records, formulas as math."""

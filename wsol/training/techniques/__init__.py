"""One file per training technique; its stem is its key. `wsol.training.technique` has the contract."""

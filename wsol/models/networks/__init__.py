"""Networks of our own, one file each; see `wsol.models.registered.model`."""

"""Training of classifiers whose maps localize: recipes, techniques, the loop. One file per technique in `techniques/`."""

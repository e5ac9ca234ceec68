"""Training of classifiers whose maps localize: recipes, techniques (one file each) and the loop."""

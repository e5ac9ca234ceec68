"""Raw maps of a batch of images, from a network, from sizes alone, or from files."""

"""What several protocol files share: the sources of one paper's code."""

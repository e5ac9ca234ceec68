"""What printed numbers allow, and what they don't: each check is one file of this folder, and its stem is its name."""

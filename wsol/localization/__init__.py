"""From raw maps to boxes and their IoU at every threshold."""

"""From an experiment to rows: shards of images, in batches, through maps, boxes and metrics."""

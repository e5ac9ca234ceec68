"""What a download of ImageNet consists of: images, boxes and labels, each found by looking at the files."""

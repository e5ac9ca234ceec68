"""Places that image and mask files are read from: folders, tar archives, object stores."""

"""Places that image files are read from: folders, tar archives, object stores."""

"""Component resources, one file each, in a folder per provider."""

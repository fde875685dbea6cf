"""Stand-ins of official provider plugins, for machines that cannot download those. Nothing of the project depends on them."""

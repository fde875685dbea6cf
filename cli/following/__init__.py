"""Following a run in a Kubernetes cluster from here, and bringing home what it left."""

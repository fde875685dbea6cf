"""Training in a Kubernetes cluster, the user's own or one that another component made."""

"""Training on the machine that runs Pulumi."""

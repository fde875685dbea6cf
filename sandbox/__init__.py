"""Rehearsals: a real Kubernetes made here, and stand-ins for provider plugins that cannot be downloaded."""

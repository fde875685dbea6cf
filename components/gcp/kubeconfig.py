"""How kubectl, the Kubernetes provider and `burst attach` reach a burst's cluster. Pure, and without a secret."""

from __future__ import annotations

import json

PLUGIN = "gke-gcloud-auth-plugin"
"""Google's own, which gets a token for whoever runs it, here by the same application default credentials as Pulumi's Google
provider (cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl)."""


def kubeconfig(endpoint: str, context: str) -> str:
    """A kubeconfig for the cluster's DNS endpoint, as JSON, which is YAML.

    It names no certificate authority: the endpoint has a certificate that any system trusts.

    >>> found = json.loads(kubeconfig("gke-0a1b.us-central1.gke.goog", "hepburst-b"))
    >>> found["clusters"][0]["cluster"]["server"], found["current-context"]
    ('https://gke-0a1b.us-central1.gke.goog', 'hepburst-b')
    """
    command = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": PLUGIN,
        "args": ["--use_application_default_credentials"],
        "installHint": f"install {PLUGIN}: gcloud components install {PLUGIN}",
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": f"https://{endpoint}"}}],
        "users": [{"name": context, "user": {"exec": command}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    return json.dumps(content, indent=2) + "\n"

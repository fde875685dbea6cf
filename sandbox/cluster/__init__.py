"""A real Kubernetes for rehearsals, made on this machine out of published Go modules and Debian packages.

`python -m sandbox.cluster up` makes one node with a real kubelet in a network namespace of its own (root, Debian 12);
`up --light` makes a control plane with any number of simulated nodes (no root). Whoever has a cluster needs neither.
"""

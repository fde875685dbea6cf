"""Trains a run inside a cluster: what the launcher pod of an MPIJob runs, and what it starts on the worker pods.

`python -m trainer.pods RUN.json --out DIR` is the launcher. It starts the ranks with mpirun, or, with `--elastic`, with
Horovod's elastic driver over Gloo; both by ssh. The rest of the trainer does not know where it runs.

hosts: the workers and whether they answer; line: launcher and ranks hear of each other's end; static and elastic: the two ways
to start ranks; output: who said what; ending: the last words for the cluster.
"""

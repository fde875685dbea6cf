"""By which labels the objects of a stack and of a job are found: those of `components.kubernetes.pods` and of the operator."""

from __future__ import annotations

NAME_LABEL, INSTANCE_LABEL = "app.kubernetes.io/name", "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"
RUN_LABEL, LINEAGE_LABEL = "hepburst.io/run-id", "hepburst.io/lineage-id"
JOB_LABEL, ROLE_LABEL = "training.kubeflow.org/job-name", "training.kubeflow.org/job-role"
"""The operator's, on the pods of a job."""
LAUNCHER, WORKER = "launcher", "worker"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"

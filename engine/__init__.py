"""Sets this project up on a machine and drives its stacks: a Pulumi engine, a Python environment, `make up` and `make down`.

Standard library only, and any Python from 3.9 on, because it runs before any environment exists. Its one import from outside
is `trainer.refusal`, which keeps the same promise.
"""

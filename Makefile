# Thin: the work is in engine/ (set-up, stacks), trainer/, burst/ and provider/. `source activate.sh` gives the tools themselves.
STACK ?= local
export SANDBOX
NUM ?= 10000
REPOSITORY ?=
VARIANT ?= cpu
EXTRA ?=
ENGINE := python3 -m engine
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help up down setup shell test test-slow test-cluster test-rehearsal image bench bench-preview data figures cluster-up cluster-down cluster-status sandbox-down

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-14s %s\n", $$1, $$2 }'

up: ## set up what is missing, then deploy a stack [STACK=local; SANDBOX=1 rehearses one of a cloud]
	@exec $(ENGINE) up $(STACK)

down: ## destroy a stack and remove it, so that nothing is left [STACK=local; SANDBOX=1]
	@exec $(ENGINE) down $(STACK)

setup: ## set up what is missing, and no more [EXTRA=gcp, azure, oci or kubernetes]
	@exec $(ENGINE) setup $(addprefix --extra ,$(EXTRA))

shell: ## a shell in which `pulumi` is this project's (or: source activate.sh)
	@exec $(ENGINE) shell

test: ## lint, types, import rules and all tests but the slow ones
	@$(ENGINE) setup --group dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m 'not slow and not cluster and not rehearsal' -n 2 --dist loadfile

test-slow: ## the tests that take minutes
	@$(ENGINE) setup --group dev
	$(BIN)/pytest -m slow

test-cluster: ## the tests on a real Kubernetes, made here for them (root, Linux)
	@$(ENGINE) setup --group dev
	$(BIN)/pytest -m cluster

test-rehearsal: ## whole bursts on the stand-in of a cloud, with simulated nodes
	@$(ENGINE) setup --group dev
	$(BIN)/pytest -m rehearsal

image: ## build the trainer image and push it; prints its digest [REPOSITORY=registry/group/name VARIANT=cpu]
	@$(ENGINE) setup
	@exec $(BIN)/python -m provider.image $(REPOSITORY) --variant $(VARIANT)

bench: ## showers a second with one rank and with two; plans a second of the planner
	@$(ENGINE) setup
	@$(BIN)/python -m benchmarks.ranks
	@exec $(BIN)/python -m benchmarks.plans

bench-preview: ## seconds of a preview over those of an empty program [after SANDBOX=1 make up STACK=gke-v100]
	@exec $(BIN)/python -m benchmarks.preview

data: ## a data set of our own, from Geant4 [NUM=10000]
	@$(ENGINE) setup --group geant4
	@exec $(BIN)/python -m trainer.showers dataset --num-showers $(NUM)

figures: ## draw the figures of the documentation anew
	@$(ENGINE) setup --extra kubernetes
	@exec $(BIN)/python -m docs.figures

cluster-up: ## a real Kubernetes on this machine, for rehearsals without a cluster (root, Debian 12)
	@$(ENGINE) setup --extra kubernetes
	@exec $(BIN)/python -m sandbox.cluster up

cluster-down: ## take it away, with all that is in it
	@$(ENGINE) setup
	@exec $(BIN)/python -m sandbox.cluster down

sandbox-down: ## forget all rehearsals of clouds, with their stacks and simulated clusters
	@$(ENGINE) setup --extra gcp
	@exec $(BIN)/python -m sandbox.rehearsal forget

cluster-status: ## show how its parts are
	@$(ENGINE) setup
	@exec $(BIN)/python -m sandbox.cluster status

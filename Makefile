# What people and CI run. Each target works on a fresh clone.

.PHONY: help build demo test lint fmt bench ci

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

build: ## Build the program (debug; target/debug/postroom)
	@scripts/prerequisites build
	cargo build --package postroom

demo: ## A sandbox tenant, a server connected to it, a tour: no Microsoft account needed
	@scripts/prerequisites build
	cargo run --quiet --package postroom -- demo $(ARGS)

test: ## All tests: Rust, doc tests, the README's commands, Microsoft's own clients
	@scripts/prerequisites test
	@scripts/test

lint: ## Formatting, clippy, dependencies, documentation, packaging
	@scripts/lint

fmt: ## Format the code
	cargo fmt --all

bench: ## The macro benchmark, from the release build
	@scripts/prerequisites test
	@scripts/bench $(ARGS)

ci: ## Everything that CI runs
	@.ci/run

# Everything that one does here. `make` alone says what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Node, the gateways and what cargo builds are kept here, outside the tree: a fresh clone finds them again. Each clone's
# place has a build folder of its own, since cargo takes what another clone built for fresh: `/` is `-` in its name, and
# `-` is `+2`, so that no two places share one.
export PILOTFISH_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pilotfish
export CARGO_TARGET_DIR ?= $(PILOTFISH_CACHE)/target/$(patsubst -%,%,$(subst /,-,$(subst -,+2,$(subst +,+1,$(CURDIR)))))

# The release that goes into images: static without musl. `--target` keeps build scripts and macros dynamic.
TARGET := $(shell uname -m)-unknown-linux-gnu
DIST := RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" cargo build --release --locked --target $(TARGET)

.PHONY: help setup run demo test soak bench dist lint fmt clean

help: ## this text
	@echo "Pilotfish: change any setting of a running OpenClaw gateway in two seconds, and have it undone when it does not hold."
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'
	@echo
	@echo "Kept between runs (override by environment):"
	@echo "  PILOTFISH_CACHE   $(PILOTFISH_CACHE)   Node, gateways"
	@echo "  CARGO_TARGET_DIR  $(CARGO_TARGET_DIR)   what cargo builds"

setup: ## get Node 24, both gateways and the tools of the tests (make test does it too)
	@tests/setup.sh --for test

run: ## a real gateway under the agent on this machine, on loopback; Ctrl-C ends it
	@tests/setup.sh --for run
	@cargo build --locked -p pilotfish-agent
	@tests/run.sh

demo: ## the same, unattended: changes, refusals and failures, one line each; exit 0 or 1
	@tests/setup.sh --for run
	@cargo run --quiet --locked -p tests --bin demo

test: ## everything, with the real gateways: format, lints, tests, docs
	@tests/setup.sh --for test
	@$(MAKE) lint
	cargo test --workspace --locked

soak: ## hundreds of rounds of every fault; takes hours
	@tests/setup.sh --for test
	@cargo run --quiet --locked -p tests --bin soak -- --result tests/soak-result.md

bench: ## every figure of the docs, measured here, with its peer in the same run
	@tests/setup.sh --for test
	@$(MAKE) dist
	@PILOTFISH_AGENT=$(CARGO_TARGET_DIR)/$(TARGET)/release/pilotfish-agent cargo run --quiet --locked -p tests --bin bench -- --write docs/figures.md

dist: ## the static release binary
	$(DIST) -p pilotfish-agent
	@ls -l $(CARGO_TARGET_DIR)/$(TARGET)/release/pilotfish-agent

lint: ## format, clippy and docs, each without a warning
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

fmt: ## format the tree
	cargo fmt --all

clean: ## remove what cargo built (the gateways stay)
	cargo clean

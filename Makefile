# `make` lists what there is.
PREFIX ?= $(HOME)/.local
FNPACK := target/release/fnpack
PYTEST := .venv/bin/python -m pytest -c tests/pytest.ini tests

.PHONY: help setup build install demo test test-fast test-setup unit check format lint docs hostile bench clean

help: ## list what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what a build needs: the Rust toolchain of rust-toolchain.toml with its Wasm target
	@command -v rustup >/dev/null || { echo "install Rust with rustup first"; exit 1; }
	rustup show active-toolchain >/dev/null || rustup toolchain install
	rustup target add wasm32-unknown-unknown

build: setup ## build the command, with the project's own plugins inside: target/release/fnpack
	cargo build --release --locked

install: build ## install the command, PREFIX=~/.local
	install -D -m 755 $(FNPACK) $(DESTDIR)$(PREFIX)/bin/fnpack

demo: build ## package a benchmark for AWS Lambda on this machine, no Docker needed
	$(FNPACK) build 110.dynamic-html --suite benchmarks --platform aws --language python --language-version 3.12 \
	  --executor host --out out

test: build hostile test-setup unit ## install what the tests need, a container engine included, and run them all
	$(PYTEST)

test-fast: build hostile unit ## the tests that need no container engine
	tests/setup.sh --without-docker
	$(PYTEST) -m "not docker"

test-setup:
	tests/setup.sh

unit:
	cargo test --release --locked -p fnpack

# A plugin that does everything that a plugin should not.
hostile: setup
	cargo build --locked --profile plugin --target wasm32-unknown-unknown -p fnpack-hostile --target-dir target/plugins
	cargo run --release --locked --quiet -p fnpack --example component -- \
	  target/plugins/wasm32-unknown-unknown/plugin/fnpack_hostile.wasm target/hostile.wasm

check: format lint docs test ## formatting, lints, documentation, and all tests

format:
	cargo fmt --all --check

lint: setup
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

docs: setup
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps -p fnpack -p fnpack-plugin

bench: build test-setup ## measure what docs/performance.md tells
	.venv/bin/python tests/bench/run.py

clean: ## remove what was built
	rm -rf target out .venv .tools

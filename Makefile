# Everything from a fresh Debian or Ubuntu machine with only Rust on it. `make demo` and `make test` install what they need.
SHELL := /bin/bash
IMAGES := kernel/target/images
PITH := target/release/pith
PROGRAMS := target/fixtures
# How long a fuzz target runs, the important ones four times that; as many run at a time as there are processors.
FUZZ_SECONDS ?= 10

.PHONY: demo test check bench clean build images fixtures test-host test-kernel test-features test-machines test-fuzz setup-run setup-demo setup-test setup-bench

# The command line with its runtime images inside.
build: images
	cargo build --release -p pith

images:
	kernel/build.sh runtime $(abspath $(IMAGES))
	kernel/build.sh runtime-volumes $(abspath $(IMAGES))
	kernel/build.sh runtime-smp $(abspath $(IMAGES))
	kernel/build.sh minimal $(abspath $(IMAGES))

setup-run:
	tools/setup.sh run
setup-demo:
	tools/setup.sh run demo
setup-test:
	tools/setup.sh run demo test
setup-bench:
	tools/setup.sh run demo test bench

# Debian's own nginx, not recompiled, as a unikernel; its page through a published port.
demo: setup-demo
	$(MAKE) --no-print-directory build
	tools/demo.sh $(PITH)

test: setup-test
	$(MAKE) --no-print-directory build
	$(MAKE) --no-print-directory test-kernel test-features test-host fixtures test-machines test-fuzz

# Every micro-library on the host. `--tests`: no example stands in a doc comment, and looking for one takes rustdoc a minute.
test-kernel:
	cd kernel && cargo test --quiet --tests --workspace --exclude machine --exclude pith-app --exclude image
	cd kernel && cargo test --quiet --tests -p pith-app --no-default-features

# Each library alone, and with each of its features alone; the image with each library alone.
test-features:
	CHECKER=check tools/check.sh features

test-host:
	cargo test --quiet --tests --workspace

fixtures:
	tests/programs/build.sh $(PROGRAMS)/programs -j2
	tests/fixtures/build.sh $(PROGRAMS)
	cargo build --release -p pith-dockerfile

test-machines:
	cd tests/machines && cargo test --release --quiet

test-fuzz:
	tests/fuzz/run.sh $(FUZZ_SECONDS)

# Style, lints, layers, licences: what needs no machine.
check:
	tools/check.sh

bench: setup-bench
	$(MAKE) --no-print-directory build fixtures
	bench/run.sh

clean:
	cargo clean
	cd kernel && cargo clean
	cd tests/machines && cargo clean
	cd tests/fuzz && cargo clean
	cd tools/lint && cargo clean

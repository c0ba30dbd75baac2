# What a newcomer types. Everything is built by Meson; this file only knows the names. The first target that needs it
# installs what is missing (scripts/setup.sh, quick when all is there).

BUILD ?= build
SETUP := scripts/setup.sh
NINJA := ninja -C

.PHONY: help build release run demo test test-unit test-functional bench asan tsan fuzz sim storm soak lint format clean

help:
	@echo 'make build    build/ambit and build/ambit-sim'
	@echo 'make release  the optimised build, build-release/ambit: across files, and by a training run'
	@echo 'make run      Ambit in the foreground with eight simulated regions, and curl commands to try'
	@echo 'make demo     five requests and their traces: pinned, refused, failed over, streamed, degraded'
	@echo 'make test     all that CI runs: lint, unit, sanitizers, functional, bounded fuzzing'
	@echo 'make bench    Ambit beside HAProxy, nginx and a bare relay; writes docs/performance.md'
	@echo 'make storm    the residency storm; STORM_SECONDS=600 by default'
	@echo 'make soak     SOAK_REQUESTS=20000000 mixed requests with faults: memory and descriptors stay flat'
	@echo 'make asan     unit tests with the address and undefined behaviour sanitizers'
	@echo 'make tsan     unit tests with the thread sanitizer'
	@echo 'make fuzz     every fuzz target for FUZZ_SECONDS=60 each'
	@echo 'make sim      the fleet in the simulator for SIM_SEEDS=3000 seeds, with faults and restarts anywhere'
	@echo 'make lint     the gates in scripts/lint'
	@echo 'make format   clang-format over all C files'
	@echo 'make clean    remove build directories'

build:
	@$(SETUP) build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@$(NINJA) $(BUILD)

run: build
	@$(SETUP) runner
	@scripts/run.sh $(BUILD)

demo: build
	@scripts/demo.py $(BUILD)

test:
	@$(SETUP) test
	@scripts/test.sh

test-unit: build
	@meson test -C $(BUILD) --suite unit --print-errorlogs

test-functional: build
	@$(SETUP) test
	@scripts/functional.sh $(BUILD)

asan:
	@$(SETUP) build
	@scripts/sanitize.sh asan

tsan:
	@$(SETUP) build
	@scripts/sanitize.sh tsan

fuzz:
	@$(SETUP) test
	@scripts/fuzz.sh

sim: build
	@scripts/sim.sh $(BUILD)

storm: build
	@$(SETUP) test
	@scripts/storm.sh $(BUILD)

soak:
	@$(SETUP) bench
	@scripts/release.sh build-release
	@scripts/soak.sh build-release

bench:
	@$(SETUP) bench
	@scripts/release.sh build-release
	@bench/run.sh build-release

release:
	@$(SETUP) build
	@scripts/release.sh build-release

lint:
	@$(SETUP) test
	@scripts/lint/run.sh

format:
	@$(SETUP) test
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' | xargs -r clang-format -i

clean:
	@rm -rf build build-*

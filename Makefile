# Thin: CMake builds, spec/run tests. `make` alone lists what there is.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
export CHRONON_DEPS ?= $(CURDIR)/.deps

.PHONY: help quickstart setup setup-all build install test integration lint docs format asan tsan bench clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20

quickstart: ## get what is missing, build, run the sample join on real flights, show rows
	@tools/quickstart

build: setup ## bin/chronon, optimised
	@tools/build release
	@cmp -s build/release/chronon bin/chronon || install -m 755 build/release/chronon bin/chronon

install: build ## program, library, man page and completions to PREFIX (/usr/local)
	@cmake --install build/release --prefix $(PREFIX)

test: setup-all build ## every spec; last line: N passed, N failed
	@CHRONON_LIB=build/release/libchronon.so CHRONON_BIN=bin/chronon spec/run

integration: build ## specs over a real Kafka and Redis on loopback
	@bin/setup --integration --quiet
	@CHRONON_LIB=build/release/libchronon.so CHRONON_BIN=bin/chronon tools/integration

lint: setup-all ## layers, formatting, luacheck, sizes, READMEs; the build itself has warnings as errors
	@tools/lint

docs: build ## docs/reference/cli.md from the program
	@bin/chronon help --reference >docs/reference/cli.md

format: ## clang-format every C file
	@git ls-files 'src/*.c' 'src/*.h' 'src/*.cpp' 'include/*.h' | xargs clang-format -i

asan: setup-all ## unit specs under AddressSanitizer and UBSan
	@tools/sanitize asan

tsan: setup-all ## specs of threaded code under ThreadSanitizer
	@tools/sanitize tsan

bench: build ## what there is to measure; one of them: bench/run NAME
	@bench/run --list

clean: ## everything that was built; .deps stays
	rm -rf build bin/chronon

setup:
	@bin/setup --quiet

setup-all:
	@bin/setup --all --quiet

# SPDX-License-Identifier: Apache-2.0
# What a developer needs. Everything runs as root on Debian 12 or 13, because
# the lab makes network namespaces and machines.

SHELL := /bin/bash
GO ?= go
CLOUD ?= examples/lab.yaml

# Packages of this host: what the lab builds its images and machines with, what
# the tests look at clouds, dashboard, API and captures with, what the benchmarks compare
# with, what steps the clock of services, and what the eBPF program is compiled with.
LAB_PACKAGES := mmdebstrap systemd-container apt-utils xz-utils
TEST_PACKAGES := python3-openstackclient iputils-ping iproute2 curl awscli ansible python3-boto3 tshark chromium libnss3-tools \
	tesseract-ocr tesseract-ocr-eng imagemagick haproxy openvswitch-switch
BENCH_PACKAGES := iptables
CHAOS_PACKAGES := gcc libc6-dev
GENERATE_PACKAGES := clang-19 llvm-19 libbpf-dev

.PHONY: help build build-all release install up down test test-unit test-e2e test-terraform test-nodes chaos lint generate generate-check bench bench-cloud fuzz clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A release has its version from the tag. The node's program does not say which
# commit it is of: it would be another with each commit, and copied to every node.
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null)
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
CHANGED := $(shell git status --porcelain --untracked-files=no 2>/dev/null | head -1)
VAR := -X macaw.example/internal/version
NODE_LDFLAGS := -s -w$(if $(VERSION), $(VAR).tag=$(VERSION))
LDFLAGS := $(NODE_LDFLAGS)$(if $(COMMIT), $(VAR).commit=$(COMMIT)$(if $(CHANGED),-dirty) $(VAR).date=$(shell git log -1 --format=%cs))
GO_BUILD = CGO_ENABLED=0 $(GO) build -trimpath
BIN ?= bin
NODE_PROGRAM := internal/deploy/program/macaw-node

build: node-program ## build bin/macaw, which carries bin/macaw-node
	$(GO_BUILD) -ldflags "$(LDFLAGS)" -o $(BIN)/macaw ./cmd/macaw

.PHONY: node-program
node-program: build-packages # the program of nodes, for macaw to carry
	GOOS=linux GOARCH=amd64 $(GO_BUILD) -ldflags "$(NODE_LDFLAGS)" -o $(BIN)/macaw-node ./cmd/macaw-node
	@sum="$$(sha256sum < $(BIN)/macaw-node | cut -d' ' -f1) $$(wc -c < $(BIN)/macaw-node)"; \
	if [ "$$sum" != "$$(cat $(NODE_PROGRAM).sum 2>/dev/null)" ]; then \
		bzip2 -9c $(BIN)/macaw-node > $(NODE_PROGRAM).bz2 && echo "$$sum" > $(NODE_PROGRAM).sum; \
	fi

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# What macaw for another system consists of, and can be tested there without the lab.
PORTABLE := ./cmd/macaw ./internal/authority ./internal/checkip ./internal/cloud ./internal/cloudsyaml ./internal/filelock \
	./internal/graph ./internal/hint ./internal/host ./internal/privatefile ./internal/silence ./internal/smallfile \
	./internal/terminal
build-all: node-program ## see that macaw builds for every system, and its tests for macOS and Windows
	@for p in $(PLATFORMS); do \
		export GOOS=$${p%/*} GOARCH=$${p#*/}; \
		echo "GOOS=$$GOOS GOARCH=$$GOARCH go build ./cmd/macaw"; \
		$(GO_BUILD) -ldflags "$(LDFLAGS)" -o /dev/null ./cmd/macaw || exit 1; \
		[ $$GOOS = linux ] || $(GO) vet $(PORTABLE) || exit 1; \
	done

release: node-program ## dist/: an archive for each system, checksums, a bill of materials; of a commit with a tag
	@VERSION='$(VERSION)' LDFLAGS="$(LDFLAGS)" PLATFORMS='$(PLATFORMS)' GO='$(GO)' ./scripts/release.sh

PREFIX ?= /usr/local
install: build ## copy bin/macaw to /usr/local/bin, or below PREFIX, with its completion for bash
	install -D -m 0755 $(BIN)/macaw $(DESTDIR)$(PREFIX)/bin/macaw
	$(BIN)/macaw completion bash | install -D -m 0644 /dev/stdin $(DESTDIR)$(PREFIX)/share/bash-completion/completions/macaw

up: build host-packages ## build, and make the cloud of examples/lab.yaml on the lab
	bin/macaw up $(CLOUD)

down: build ## remove that cloud, and the lab with it
	bin/macaw down $(CLOUD) --yes

# One architecture for each system: to compile for another takes two minutes, and nothing here depends on it.
test: PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
test: lint generate-check build-all ## every test: unit, kernel and end-to-end
	@$(MAKE) --no-print-directory test-packages
	$(GO) test -timeout 20m ./cmd/... ./internal/... ./lab ./lab/command ./lab/internal/... ./test/ansible ./test/awscli \
		./test/rules ./test/terraform
	@$(MAKE) --no-print-directory test-e2e

test-unit: ## the tests that need no root; under a minute
	$(GO) test -short ./...

# It repeats at the end what failed, with its output: the way there is long.
GOTESTSUM ?= $(GO) run gotest.tools/gotestsum@v1.13.0
test-e2e: build host-packages test-packages ## the tests that boot machines and bring clouds up
	$(GOTESTSUM) --format standard-verbose -- -count=1 -timeout 65m -p 1 ./lab/labtest ./test/e2e

test-terraform: ## Terraform's AWS provider against the lab's API, and its OpenStack provider against the cloud OS_CLOUD; if you have them; a quarter of an hour
	$(GO) test -count=1 -v -timeout 60m -run 'TestTerraform|TestOpenStack' ./test/terraform -apply

CHAOS ?= 20m
SEED ?= 1
chaos: build host-packages test-packages chaos-packages ## a cloud under every kind of mischief, for 20 minutes or for CHAOS; SEED repeats it
	$(GO) test -count=1 -v -timeout 0 -run TestChaos ./test/e2e -chaos $(CHAOS) -seed $(SEED)

EVENTS ?= 50
test-nodes: build host-packages test-packages ## a cloud of five nodes: guests and routers move in every way, and EVENTS faults at random; SEED repeats it; two hours
	$(GO) test -count=1 -v -timeout 0 -run '^(TestSpot|TestManyNodes)$$' ./test/e2e -node-events $(EVENTS) -seed $(SEED)

GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.7.2
lint: ## formatting, golangci-lint
	$(GOLANGCI_LINT) run ./...

generate: generate-packages ## compile the eBPF programs
	$(GO) generate ./internal/translate ./internal/tunnel

# The object depends on the compiler and on the headers of libbpf and the kernel:
# the committed one is what Debian 12 makes of the source.
generate-check: ## see that the committed eBPF objects are what their sources compile to
	@. /etc/os-release; if [ "$$VERSION_ID" != 12 ]; then echo "generate-check: only on Debian 12"; exit 0; fi; \
	$(MAKE) --no-print-directory generate && \
	{ git diff --exit-code --stat -- internal/translate internal/tunnel || { echo "make generate changes what is committed"; exit 1; }; }

bench: bench-packages ## the benchmarks
	$(GO) test -run '^$$' -bench . ./lab/internal/vpc ./internal/translate
	$(GO) test -run '^$$' -bench Stream -benchtime 11x ./lab/bench
	$(GO) test -run '^$$' -bench Translation -benchtime 40x ./test/bench
	nice -n -19 $(GO) test -run '^$$' -bench Offloads -benchtime 401x ./test/bench
	$(GO) test -run '^$$' -bench Agent -timeout 30m ./test/bench

bench-cloud: build host-packages test-packages ## the benchmarks that bring clouds up; an hour
	$(GO) test -run '^$$' -bench FloatingIPSet -benchtime 10x -timeout 25m -v ./test/e2e
	$(GO) test -run '^$$' -bench ManyFloatingIPs -benchtime 1x -timeout 40m -v ./test/e2e
	$(GO) test -run '^$$' -bench Nodes -benchtime 3x -timeout 40m -v ./test/e2e

FUZZTIME ?= 1m
fuzz: ## each fuzz target for a minute, or for FUZZTIME, such as 10000000x
	@for pkg in $$($(GO) list ./internal/... ./lab/...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg || exit 1; \
		done; \
	done

clean: ## remove what was built here
	rm -rf bin dist $(NODE_PROGRAM).*

# install-missing installs those of $(1) that are not there; a host that has
# them all is not touched.
install-missing = @missing=$$(for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then echo "installing $$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

.PHONY: build-packages host-packages test-packages bench-packages chaos-packages generate-packages
build-packages: # bzip2 is nearly everywhere
	@command -v bzip2 >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends bzip2 >/dev/null; }
host-packages:
	$(call install-missing,$(LAB_PACKAGES))
test-packages:
	$(call install-missing,$(TEST_PACKAGES))
bench-packages:
	$(call install-missing,$(BENCH_PACKAGES))
chaos-packages:
	$(call install-missing,$(CHAOS_PACKAGES))
generate-packages:
	$(call install-missing,$(GENERATE_PACKAGES))

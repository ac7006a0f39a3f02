GO ?= go

.PHONY: build test
build:
	$(GO) build -o bin/ ./cmd/...

test:
	$(GO) test ./...

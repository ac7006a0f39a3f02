package main

import (
	"fmt"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// nativeNames lists the plugins of a kind that are written in Go.
func nativeNames(sandbox.Kind) []string { return nil }

// openNative opens a plugin that is written in Go.
func openNative(component string, _ sandbox.Options) (subject, error) {
	return nil, fmt.Errorf("unknown component %q; 'tocsin plugin list' names them all", component)
}

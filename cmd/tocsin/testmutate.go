package main

import (
	"context"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/alarmtest"
)

func scriptCompiler() afd.CompileFunc { return nil }

func reportMutants(_ context.Context, std streams, f testFlags, _ []*alarmtest.File, results []alarmtest.Result, _ alarmtest.Options) int {
	return reportTests(std, f, results, 0)
}

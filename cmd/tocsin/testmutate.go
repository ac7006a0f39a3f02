package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/alarmtest"
)

// reportMutants runs the mutants of a library whose tests pass.
func reportMutants(ctx context.Context, std streams, f testFlags, files []*alarmtest.File, results []alarmtest.Result, opt alarmtest.Options) int {
	for _, r := range results {
		if !r.OK {
			printFailures(std.err, results)
			fmt.Fprintln(std.err, "tocsin test: --mutate needs tests that pass")
			return exitFindings
		}
	}
	began := time.Now()
	score := alarmtest.Mutate(ctx, files, opt)
	percent := math.Floor(score.Percent()*10) / 10
	if f.output == "json" {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]any{"score": percent, "total": score.Total, "killed": score.Killed, "survivors": score.Survivors})
	} else {
		for _, s := range score.Survivors {
			fmt.Fprintf(std.out, "SURVIVED %s: %s\n", s.Element, s.Change)
		}
		fmt.Fprintf(std.out, "%d of %d mutants noticed, score %.1f %% in %s\n", score.Killed, score.Total, percent, time.Since(began).Round(time.Millisecond))
	}
	if percent < f.minScore {
		return exitFindings
	}
	return exitOK
}

// Command aggregator computes the health of clusters.
package main

import (
	"os"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

func main() { os.Exit(daemon.Main(daemon.Aggregator, os.Args[1:])) }

// Command metriccollector collects metrics and evaluates alarms on the node.
package main

import (
	"os"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

func main() { os.Exit(daemon.Main(daemon.MetricCollector, os.Args[1:])) }

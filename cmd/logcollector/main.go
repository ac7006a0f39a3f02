// Command logcollector reads logs, makes metrics of them, and sends both on.
package main

import (
	"os"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

func main() { os.Exit(daemon.Main(daemon.LogCollector, os.Args[1:])) }

// Command report says how much of real servers' logs was decoded: it compares the
// log files with the records that a log collector wrote of them.
//
//	report LOGS RECORDS             a table by stream, and what was rejected
//	report -sample FOLDER LOGS      write a sample of each server's logs
//
// It fails when a line is missing, or when a stream has less than 99.9 % of its
// lines decoded.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/tocsin-lma/tocsin/internal/reallogs"
)

func main() {
	sample := flag.String("sample", "", "`folder` to write samples to, instead of a report")
	flag.Parse()
	if err := run(*sample, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(sample string, args []string) error {
	switch {
	case sample != "" && len(args) == 1:
		return reallogs.Sample(sample, args[0])
	case sample == "" && len(args) == 2:
		streams, err := reallogs.Read(args[0], args[1])
		if err != nil {
			return err
		}
		return reallogs.Report(os.Stdout, streams)
	}
	return fmt.Errorf("want LOGS RECORDS, or -sample FOLDER LOGS; got %q", args)
}

package outputtest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Fault is a column of docs/outputs-faults.md.
type Fault string

// The faults, in the order of the columns.
const (
	Slow        Fault = "slow"
	Refusing    Fault = "refusing"
	Hanging     Fault = "hanging"
	HalfClosing Fault = "half-closing"
	BadRequest  Fault = "4xx"
	RetryAfter  Fault = "429-retry-after"
	ServerError Fault = "5xx"
	Partial     Fault = "partial"
	TLS         Fault = "tls"
	DNS         Fault = "dns"
	Restart     Fault = "restart"
)

// Faults are all faults, in the order of the columns.
func Faults() []Fault {
	return []Fault{Slow, Refusing, Hanging, HalfClosing, BadRequest, RetryAfter, ServerError, Partial, TLS, DNS, Restart}
}

// What became of a batch under a fault: the first word of what is noted.
const (
	Delivered = "delivered" // all of it, at once
	Kept      = "kept"      // all of it is sent again, until the fault has gone
	Refused   = "refused"   // goes to the dead letters, and the next batch is sent
	Split     = "split"     // stored, sent again and refused, item by item
	None      = "n/a"       // there is no such fault here, for the reason given
)

// attribute is the prefix under which a test notes what happened.
const attribute = "fault/"

// Happened notes for the table what became of a batch and how: a fault, one of the
// words above, and details. It is called at the end of a test, when all that it
// says has been checked.
func Happened(t *testing.T, f Fault, became, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	t.Attr(attribute+string(f), became+": "+strings.Join(strings.Fields(text), " "))
}

// Because is the end of an error, where its cause is, without what differs from
// run to run.
func Because(err error) string {
	for inner := err; inner != nil; {
		err = inner
		inner = errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok { // it is taken apart here
			inner = joined.Unwrap()[len(joined.Unwrap())-1]
		}
	}
	text := regexp.MustCompile(`(\d+\.\d+\.\d+\.\d+|localhost)?:\d+( on \S+)?`).ReplaceAllString(err.Error(), "HOST")
	if len(text) > 80 {
		text = text[:77] + "..."
	}
	return text
}

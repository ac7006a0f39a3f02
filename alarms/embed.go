// Package alarms holds the shipped alarm library: triggers, alarms, clusters and
// policies, one file per service with its tests beside it. The folder roles holds
// what re-tunes and tags the alarms of a service on nodes of one role.
//
// Invariant: every alarm reaches a cluster at the top, and every alarm and policy
// has a test.
package alarms

import "embed"

// FS holds the files of this folder and of roles, and the list of known metrics.
//
//go:embed *.yml roles/*.yml metrics.txt
var FS embed.FS

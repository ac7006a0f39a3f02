// Package alarms holds the shipped alarm library: triggers, alarms, clusters and
// policies, one file per service with its tests beside it.
package alarms

import "embed"

// FS holds the files of this folder.
//
//go:embed *.yml
var FS embed.FS

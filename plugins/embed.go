// Package plugins holds the shipped Lua plugins: lua/decoders, lua/filters,
// lua/encoders, lua/outputs, and the modules they require in lua/modules. The
// folder's README says how to write one.
//
// Invariant: the package holds files only; a plugin found in a folder of the
// operator wins over the one of the same name here.
package plugins

import "embed"

// FS is the folder lua with everything in it.
//
//go:embed lua
var FS embed.FS

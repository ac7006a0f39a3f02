// Package lpeg matches parsing expression grammars over strings. It follows
// the behaviour of LPeg 0.12 and 1.0 (operators, captures, error texts) and
// knows nothing of Lua: captured values, functions and tables are opaque to
// it, and a Host turns them into values of its own kind.
//
// A Builder makes Patterns, which are immutable trees. The first match
// compiles a Pattern to a Program for a small machine with a backtrack stack;
// equal patterns of one Builder are one object, so a pattern that is built
// again is not compiled again.
//
// Three ways to run a pattern, from the cheapest to the richest:
//
//   - Machine.Match runs a Program and leaves a flat list of capture marks.
//   - Values evaluates captures into lpeg.Value, without allocating: made for
//     decoders that write named captures straight into a record.
//   - Evaluator evaluates captures into the values of any Host.
//
// Invariants: a subject is never copied and captured text shares its memory; a
// match without captures allocates nothing once the machine is warm; every
// match ends within its step budget (Limits.Steps). Patterns and Programs may
// be shared by goroutines; a Builder, a Machine and an Evaluator belong to one
// goroutine at a time. The package starts no goroutine and reads no clock.
package lpeg

// Package lpeg holds the benchmarks of pattern matching: without captures,
// with captures given to Go, and with captures given to Lua, the last compared
// with LPeg in C where that is installed. It has no code of its own.
package lpeg

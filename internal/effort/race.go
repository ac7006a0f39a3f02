//go:build race

package effort

// slowdown is the most that the race detector costs here: a parser written in Go
// with many small accesses to memory takes some 15 times as long.
const slowdown = 20

// Package bench holds the benchmarks that the figures of the documentation come
// from, and the baseline they are compared with.
package bench

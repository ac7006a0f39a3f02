//go:build !race

package effort

const slowdown = 1

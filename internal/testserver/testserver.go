// Package testserver tells tests where the real servers are that scripts/servers
// started. A test that wants one is skipped where it is not there, and fails
// instead where TOCSIN_TEST_REAL=1 says that all must be.
//
// Invariant: no test passes for want of a server when all are required.
package testserver

import (
	"os"
	"os/exec"
	"testing"
)

// Require is the variable that turns a missing server into a failure.
const Require = "TOCSIN_TEST_REAL"

// URL returns the variable TOCSIN_TEST_<name>_URL: the server's URL, its
// host:port, or the path of its program.
func URL(t testing.TB, name string) string {
	t.Helper()
	return Var(t, name+"_URL")
}

// Var returns the variable TOCSIN_TEST_<name>.
func Var(t testing.TB, name string) string {
	t.Helper()
	name = "TOCSIN_TEST_" + name
	value := os.Getenv(name)
	switch {
	case value != "":
	case os.Getenv(Require) == "1":
		t.Fatalf("%s is not set: start the server with scripts/servers", name)
	default:
		t.Skipf("%s is not set; scripts/test-real runs this test", name)
	}
	return value
}

// Crash kills a server as kill -9 does. name is that of scripts/servers.
func Crash(t testing.TB, name string) {
	t.Helper()
	script(t, "crash", name)
}

// Start starts a server again and waits until it is ready.
func Start(t testing.TB, name string) {
	t.Helper()
	script(t, "start", name)
}

func script(t testing.TB, verb, name string) {
	t.Helper()
	out, err := exec.Command(Var(t, "SERVERS"), verb, name).CombinedOutput()
	if err != nil {
		t.Errorf("servers %s %s: %v\n%s", verb, name, err, out)
	}
}

package daemon_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

// freePorts returns ports that nobody listens on, each another one.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for len(ports) < n {
		if port := testserver.Port(t); !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// TestReadyMeansListening connects to every listener at the moment the daemon says
// that it is ready.
func TestReadyMeansListening(t *testing.T) {
	const each = 10
	var model strings.Builder
	model.WriteString("metric_collector:\n  input:\n")
	var addresses []string
	ports := freePorts(t, 3*each)
	for i := range each {
		for k, engine := range []string{"tcp", "http", "syslog"} {
			port := ports[3*i+k]
			fmt.Fprintf(&model, "    %s%d: {engine: %s, address: 127.0.0.1, port: %d}\n", engine, i, engine, port)
			addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var refused []error
	err := daemon.Run(ctx, daemon.Options{
		Role: daemon.MetricCollector, DataDir: t.TempDir(), Admin: "none", NoDefaults: true, Sources: source(model.String()),
		Ready: func(*daemon.Daemon) {
			for _, address := range addresses {
				c, err := net.Dial("tcp", address)
				if err != nil {
					refused = append(refused, err)
					continue
				}
				_ = c.Close()
			}
			stop()
		},
	})
	require.NoError(t, err)
	require.Empty(t, refused)
}

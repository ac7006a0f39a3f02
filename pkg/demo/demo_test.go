package demo_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/demo"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// decoder opens a shipped decoder.
func decoder(t *testing.T, name string, config map[string]any) *sandbox.Plugin {
	t.Helper()
	source, err := plugins.FS.ReadFile("lua/decoders/" + name + ".lua")
	require.NoError(t, err)
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(t, err)
	p, err := sandbox.Open(sandbox.Options{Kind: sandbox.KindDecoder, Name: name, Source: source, Shipped: modules, Config: config, Hostname: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(nil) })
	return p
}

func TestGeneratedLinesDecode(t *testing.T) {
	const shop = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time`
	for _, failing := range []bool{false, true} {
		dir := t.TempDir()
		g, err := demo.NewGenerator(dir, func() bool { return failing })
		require.NoError(t, err)
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for range 1000 {
			now = now.Add(250 * time.Millisecond)
			require.NoError(t, g.Write(now))
		}
		g.Close()
		statuses := map[string]int{}
		for file, d := range map[string]*sandbox.Plugin{
			"shop/access.log":       decoder(t, "nginx", map[string]any{"log_format": shop}),
			"nova/nova-api.log":     decoder(t, "openstack_log", nil),
			"keystone/keystone.log": decoder(t, "openstack_log", nil),
		} {
			text, err := os.ReadFile(filepath.Join(dir, file))
			require.NoError(t, err)
			// The stream's name is what the model's differentiator makes of the path.
			stream := strings.ReplaceAll(strings.TrimSuffix(file, ".log"), "/", "_")
			lines, decoded := 0, 0
			for line := range strings.Lines(string(text)) {
				lines++
				result, err := d.Process(&message.Message{UUID: message.NewUUID(), Timestamp: now.UnixNano(), Type: "logfile", Logger: stream, Payload: line}, func(m *message.Message) error {
					if status := m.Field("http_status"); status != nil {
						statuses[status.At(0).Text()[:1]]++
					}
					decoded++
					return nil
				})
				require.NoError(t, err)
				require.Zero(t, result.Code, "%s: %s", result.Text, line)
			}
			require.GreaterOrEqual(t, lines, 250, file)
			require.GreaterOrEqual(t, float64(decoded), 0.999*float64(lines), file)
		}
		require.Equal(t, failing, statuses["5"] > 0, "server errors are the fault's: %v", statuses)
		require.Positive(t, statuses["2"])
	}
}

// stream keeps what an input emits.
type stream struct{ emitted chan float64 }

func (s stream) Emit(m *message.Message) error {
	value, _ := m.Number("value")
	s.emitted <- value
	return nil
}

func (stream) Commit(context.Context) (int, error) { return 0, nil }

func (stream) Close(context.Context) error { return nil }

func TestTheVolumeIsAFolderThatIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		dir := filepath.Join(t.TempDir(), "volume")
		s := stream{make(chan float64, 100)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- demo.NewVolume(dir, full.Load).Run(ctx, func(string) (message.Stream, error) { return s, nil })
		}()
		require.InDelta(t, 68.75, <-s.emitted, 0.01)
		full.Store(true)
		require.InDelta(t, 3.125, <-s.emitted, 0.01)
		info, err := os.Stat(filepath.Join(dir, "orders.db"))
		require.NoError(t, err)
		require.EqualValues(t, 62<<20, info.Size(), "the file is real")
		full.Store(false)
		require.InDelta(t, 68.75, <-s.emitted, 0.01)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestASwitchableDaemonIsAsItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, started atomic.Int32
		s := demo.NewSwitchable(func(ctx context.Context) error {
			running.Add(1)
			started.Add(1)
			<-ctx.Done()
			running.Add(-1)
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		for i, on := range []bool{true, false, true, true, false, false, true} {
			if i > 0 {
				s.Set(on)
			}
			synctest.Wait()
			want := int32(0)
			if on {
				want = 1
			}
			require.Equal(t, want, running.Load(), "step %d", i)
		}
		require.EqualValues(t, 3, started.Load(), "what runs already is left alone")
		cancel()
		require.NoError(t, <-done)
		require.Zero(t, running.Load())
	})
}

func TestADaemonThatFailsEndsTheDemonstration(t *testing.T) {
	broken := errors.New("broken")
	s := demo.NewSwitchable(func(context.Context) error { return broken })
	require.ErrorIs(t, s.Run(t.Context()), broken)
}

func TestAnAddressThatIsTakenNamesTheFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken := l.Addr().String()
	err = demo.Run(t.Context(), demo.Options{Address: taken, DataDir: t.TempDir()}, nil)
	require.ErrorIs(t, err, demo.ErrAddress)
	require.ErrorContains(t, err, taken+" is in use")
	require.ErrorContains(t, err, "--address")
	require.NoError(t, l.Close())
	require.NoError(t, demo.CheckAddress(taken))
	require.ErrorIs(t, demo.CheckAddress("192.0.2.1:80"), demo.ErrAddress)
	require.ErrorIs(t, demo.CheckAddress("nowhere"), demo.ErrAddress)
}

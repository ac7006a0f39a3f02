package logstream_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// TestEveryLineOnceUnderRotationAndRestarts writes numbered lines while files are
// rotated and the input is stopped and started.
func TestEveryLineOnceUnderRotationAndRestarts(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	var log bytes.Buffer
	b.opt.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	b.start()
	const total = 5000
	rotated := 0 // none is deleted: a reader that is late may not miss one
	var want []string
	out, err := openAppend(b.path("nova"), b.path("nova/nova-api.log"))
	require.NoError(t, err)
	for i := range total {
		line := fmt.Sprintf("line %d", i)
		want = append(want, line)
		half := len(line) / 2
		_, err := out.WriteString(line[:half])
		require.NoError(t, err)
		_, err = out.WriteString(line[half:] + "\n")
		require.NoError(t, err)
		switch rnd.IntN(250) {
		case 0, 1, 2:
			for n := rotated; n > 0; n-- {
				_ = os.Rename(b.path(fmt.Sprintf("nova/nova-api.log.%d", n)), b.path(fmt.Sprintf("nova/nova-api.log.%d", n+1)))
			}
			b.rename("nova/nova-api.log", "nova/nova-api.log.1")
			rotated++
			if rnd.IntN(2) == 0 { // the writer goes on in the old file for a moment
				late := fmt.Sprintf("late %d", i)
				want = append(want, late)
				_, err := out.WriteString(late + "\n")
				require.NoError(t, err)
				time.Sleep(time.Duration(rnd.IntN(3)) * time.Millisecond)
			}
			require.NoError(t, out.Close())
			out, err = openAppend(b.path("nova"), b.path("nova/nova-api.log"))
			require.NoError(t, err)
			time.Sleep(time.Duration(rnd.IntN(30)) * time.Millisecond)
		case 3:
			b.stop()
			if rnd.IntN(2) == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			b.start()
		}
	}
	require.NoError(t, out.Close())
	require.Eventually(t, func() bool { return len(b.stream(nova).got()) >= len(want) }, time.Minute, time.Millisecond)
	time.Sleep(60 * time.Millisecond) // anything too much would come now
	// A file that is renamed while the folder is listed may come after a newer one.
	require.ElementsMatch(t, want, b.stream(nova).got())
}

func openAppend(dir, path string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
}

func TestUnfinishedRecordIsFlushedWhenIdle(t *testing.T) {
	b := newBench(t)
	front := false
	b.cfg.FlushInterval = 50 * time.Millisecond
	b.opt.Splitter = splitter.Config{Engine: "regex", Delimiter: `\n(\d{4}-)`, DelimiterEOL: &front}
	b.write("nova/nova-api.log", "2017-a\nmore\n2018-b\n")
	b.start()
	b.expect(nova, "2017-a\nmore", "2018-b")
	b.append("nova/nova-api.log", "2019-c\n2020-d\n")
	b.expect(nova, "2017-a\nmore", "2018-b", "2019-c", "2020-d")
}

func TestLastLineOfARotatedFileIsDelivered(t *testing.T) {
	b := newBench(t)
	b.cfg.FlushInterval = 50 * time.Millisecond
	b.write("nova/nova-api.log", "a\nno end")
	b.start()
	b.expect(nova, "a")
	b.rename("nova/nova-api.log", "nova/nova-api.log.1")
	b.write("nova/nova-api.log", "b\n")
	require.Eventually(t, func() bool { return len(b.stream(nova).got()) == 3 }, time.Minute, time.Millisecond)
	require.ElementsMatch(t, []string{"a", "b", "no end"}, b.stream(nova).got())
}

func TestPositionsNeedAFolder(t *testing.T) {
	_, err := logstream.Positions(t.TempDir() + "/none")
	require.ErrorContains(t, err, "list journals")
}

package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// warnings keeps what a pipeline logs about dead letters.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

type warning struct {
	Level, Msg, Output, Reason, Item, File string
	Messages                               int
}

func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *warnings) all(t *testing.T) (list []warning) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.text.String()) {
		var one warning
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		if strings.Contains(one.Msg, "dead letters") {
			list = append(list, one)
		}
	}
	return list
}

// TestDeadLettersAreToldOf: the first at once, then their count once a minute, and
// what is left when the output stops.
func TestDeadLettersAreToldOf(t *testing.T) {
	r := newRig(t, buffer.Options{})
	var log warnings
	var clock atomic.Int64
	clock.Store(1.5e18)
	r.opt.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	r.opt.Clock = func() time.Time { return time.Unix(0, clock.Load()) }
	r.sink.send = func(b []byte) error {
		switch {
		case strings.Contains(string(b), "part"):
			return &message.SendError{Err: errors.New("partial"), Rejected: []message.Rejected{{Item: b, Reason: "mapping of " + string(b)}}}
		case strings.Contains(string(b), "poison"):
			return fmt.Errorf("send %s: %w", strings.Repeat("é", 400), message.ErrPermanent)
		}
		return nil
	}
	_, stop := r.start()
	settled := func(n int, texts ...string) {
		t.Helper()
		r.put(texts...)
		require.Eventually(t, func() bool { s := r.queue.Stats(); return s.Delivered+s.DeadLettered == uint64(n) }, time.Minute, time.Millisecond)
	}
	settled(1, "fine")
	require.Empty(t, log.all(t))
	settled(2, "part 1")
	file := r.opt.Outputs[0].DeadLetter
	first := warning{
		Level: "WARN", Msg: "the far side refuses messages for good; they are not sent again, and kept as dead letters, one a line of the file",
		Output: "sink", Reason: "mapping of log:part 1\n", Item: "log:part 1\n", File: file, Messages: 1,
	}
	require.Equal(t, []warning{first}, log.all(t))

	clock.Add(int64(59 * time.Second))
	settled(5, "part 2", "part 3", "fine")
	require.Len(t, log.all(t), 1, "not more than one a minute")
	clock.Add(int64(2 * time.Second))
	settled(6, "fine") // also when nothing is refused any more
	require.Eventually(t, func() bool { return len(log.all(t)) == 2 }, time.Minute, time.Millisecond)
	second := first
	second.Reason, second.Item, second.Messages = "mapping of log:part 3\n", "log:part 3\n", 2
	require.Equal(t, second, log.all(t)[1])

	settled(7, "poison "+strings.Repeat("x", 5000))
	require.Len(t, log.all(t), 2)
	require.NoError(t, stop())
	require.Len(t, log.all(t), 3)
	last := log.all(t)[2]
	require.Equal(t, 1, last.Messages)
	require.Equal(t, "log:poison "+strings.Repeat("x", 189)+"...", last.Item)
	require.Less(t, len(last.Reason), 420)
	require.True(t, strings.HasPrefix(last.Reason, "send é") && strings.HasSuffix(last.Reason, "é\ufffd..."), last.Reason)
	require.EqualValues(t, 4, r.queue.Stats().DeadLettered)
}

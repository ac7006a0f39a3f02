package sandbox_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

func version(n, extra string) sandbox.Options {
	return sandbox.Options{Kind: sandbox.KindDecoder, Name: "v", Source: []byte(`
		local seen = 0
		function process_message()
			seen = seen + 1
			` + extra + `
			inject_message{Payload = "` + n + ` " .. read_message("Payload")}
			return 0
		end`)}
}

func template(t *testing.T, opts sandbox.Options) *sandbox.Template {
	t.Helper()
	made, err := sandbox.NewTemplate(opts)
	require.NoError(t, err)
	return made
}

func TestReload(t *testing.T) {
	versions := sandbox.NewVersions(template(t, version("one", "")))
	r, err := sandbox.NewReloader(versions)
	require.NoError(t, err)
	var got collected
	feed := func() string {
		t.Helper()
		before := len(got.messages)
		_, err := r.Process(line("x"), got.emit)
		require.NoError(t, err)
		require.Len(t, got.messages, before+1, "each record gives exactly one message")
		return got.messages[before].Payload
	}
	offer := func(extra string) {
		t.Helper()
		versions.Offer(template(t, version("two", extra)), 3, time.Now())
		require.True(t, versions.Status().OnTrial)
	}
	require.Equal(t, "one x", feed())

	offer(`if seen == 2 then error("dies") end`)
	feed()
	require.Equal(t, 2, versions.Status().Left)
	feed()
	require.False(t, versions.Status().OnTrial)
	require.ErrorContains(t, versions.Status().Failure, "dies")
	require.Equal(t, "one x", feed())

	offer(`if seen == 2 then return -1, "no" end`)
	feed()
	feed()
	require.ErrorContains(t, versions.Status().Failure, "refused a record")

	offer(`do return 0 end`)
	feed()
	feed()
	feed()
	require.ErrorContains(t, versions.Status().Failure, "made no message")
	require.Equal(t, "one x", feed())

	offer("")
	for range 3 {
		require.Equal(t, "one x", feed(), "the old version's messages count during the trial")
	}
	require.Equal(t, "two x", feed())
	status := versions.Status()
	require.EqualValues(t, 1, status.Taken)
	require.EqualValues(t, 3, status.Dropped)
	require.NoError(t, status.Failure)
	require.NotZero(t, status.Since)
	require.EqualValues(t, len(got.messages), r.Stats().Injected, "the counters go on")
	require.NoError(t, r.Close(got.emit))
}

func TestReloadOfAFilterKeepsTheStateOfItsTrial(t *testing.T) {
	source := func(n string) sandbox.Options {
		return sandbox.Options{Kind: sandbox.KindFilter, Name: "f", PreserveFile: filepath.Join(t.TempDir(), "f"), Source: []byte(`
			count = 0
			function process_message() count = count + 1 return 0 end
			function timer_event() add_to_payload("` + n + `", count) inject_payload() end`)}
	}
	first := source("one ")
	second := source("two ")
	second.PreserveFile = first.PreserveFile
	versions := sandbox.NewVersions(template(t, first))
	r, err := sandbox.NewReloader(versions)
	require.NoError(t, err)
	var got collected
	feed := func() {
		_, err := r.Process(line("x"), got.emit)
		require.NoError(t, err)
	}
	feed()
	versions.Offer(template(t, second), 2, time.Now())
	feed()
	feed()
	require.NoError(t, r.Timer(time.Now(), got.emit))
	require.Len(t, got.messages, 1)
	require.Equal(t, "two 3", got.messages[0].Payload, "one record was preserved, two were seen in the trial")
	require.NoError(t, r.Close(got.emit))
}

func TestReloadWhatIsQuiet(t *testing.T) {
	versions := sandbox.NewVersions(template(t, version("one", "")))
	r, err := sandbox.NewReloader(versions)
	require.NoError(t, err)
	now := time.Now()
	versions.Offer(template(t, version("two", "")), 0, now)
	versions.Patience(now.Add(time.Hour), time.Minute)
	require.True(t, versions.Status().OnTrial, "a version that has seen nothing has shown nothing")
	var got collected
	_, err = r.Process(line("x"), got.emit)
	require.NoError(t, err)
	versions.Patience(now.Add(time.Second), time.Minute)
	require.True(t, versions.Status().OnTrial)
	versions.Patience(now.Add(time.Hour), time.Minute)
	require.False(t, versions.Status().OnTrial)
	_, err = r.Process(line("x"), got.emit)
	require.NoError(t, err)
	require.Equal(t, "two x", got.messages[1].Payload)
}

// TestReloadCutsNoRecord replaces a decoder amid multi-line records.
func TestReloadCutsNoRecord(t *testing.T) {
	source := func(mark string) sandbox.Options {
		return sandbox.Options{Kind: sandbox.KindDecoder, Name: "m", Source: []byte(`
			local l = require "lpeg"
			grammar = l.Cg(l.P(1)^0, "Payload")
			multiline = {start = l.P"start"}
			defaults = {Type = "` + mark + `"}`)}
	}
	for _, records := range []int{1, 2, 3, 4, 5, 6} {
		versions := sandbox.NewVersions(template(t, source("one")))
		r, err := sandbox.NewReloader(versions)
		require.NoError(t, err)
		var got collected
		versions.Offer(template(t, source("two")), records, time.Now())
		for i := range 9 {
			text := fmt.Sprintf("start %d\n", i)
			if i%3 > 0 {
				text = fmt.Sprintf("more %d\n", i)
			}
			raw := line(text)
			raw.UUID = message.DerivedUUID(3, uint64(i), 0)
			_, err := r.Process(raw, got.emit)
			require.NoError(t, err)
		}
		require.NoError(t, r.Close(got.emit))
		var payloads []string
		for _, m := range got.messages {
			payloads = append(payloads, m.Payload)
		}
		require.Equal(t, []string{"start 0\nmore 1\nmore 2\n", "start 3\nmore 4\nmore 5\n", "start 6\nmore 7\nmore 8\n"}, payloads, "after %d records", records)
		require.Equal(t, "two", got.messages[2].Type)
	}
}

// TestReloadOfManySandboxes changes a plugin that runs on several goroutines.
func TestReloadOfManySandboxes(t *testing.T) {
	const streams, records = 8, 600
	grammar := func(mark string) sandbox.Options {
		return sandbox.Options{Kind: sandbox.KindDecoder, Name: "g", Source: []byte(`
			local l = require "lpeg"
			grammar = l.Cg(l.P(1)^0, "Payload")
			defaults = {Type = "` + mark + `"}`)}
	}
	versions := sandbox.NewVersions(template(t, grammar("one")))
	counts := make([]map[string]int, streams)
	var wg sync.WaitGroup
	for s := range streams {
		counts[s] = map[string]int{}
		wg.Go(func() {
			r, err := sandbox.NewReloader(versions)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range records {
				if s == 0 && i == 100 {
					next, err := sandbox.NewTemplate(grammar("two"))
					if err != nil {
						t.Error(err)
						return
					}
					versions.Offer(next, 50, time.Now())
				}
				if _, err := r.Process(line("x"), func(m *message.Message) error {
					counts[s][strings.Clone(m.Type)]++
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
			_ = r.Close(nil)
		})
	}
	wg.Wait()
	for s := range streams {
		require.Equal(t, records, counts[s]["one"]+counts[s]["two"], "no record is lost or doubled")
	}
	require.NotZero(t, counts[0]["two"])
	require.EqualValues(t, 1, versions.Status().Taken)
}

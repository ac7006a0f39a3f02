package logstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

const nova = "nova_nova-api"

func TestOlderFilesComeFirst(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log.2", "a\n")
	b.write("nova/nova-api.log.10", "0\n")
	b.write("nova/nova-api.log.1", "b\n")
	b.write("nova/nova-api.log", "c\n")
	b.start()
	b.expect(nova, "0", "a", "b", "c")
	require.Equal(t, nova, b.stream(nova).logger)
	b.append("nova/nova-api.log", "d\ne")
	b.expect(nova, "0", "a", "b", "c", "d")
	b.append("nova/nova-api.log", "e\n")
	b.expect(nova, "0", "a", "b", "c", "d", "ee")
}

func TestResumeAfterRotationWhileStopped(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
	b.stop()
	b.append("nova/nova-api.log", "b\n")
	b.rename("nova/nova-api.log", "nova/nova-api.log.1")
	b.write("nova/nova-api.log", "c\n")
	b.start()
	b.expect(nova, "a", "b", "c")
}

// TestAStreamSaysThatItBegins once: what a process has read may come again in the next.
func TestAStreamSaysThatItBegins(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
	require.Equal(t, 1, b.stream(nova).begun)
	b.stop()
	b.append("nova/nova-api.log", "b\n")
	b.start()
	b.expect(nova, "a", "b")
	require.Equal(t, 1, b.stream(nova).begun)
}

func TestRotationByRename(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
	want := []string{"a"}
	for i := range 5 {
		b.append("nova/nova-api.log", fmt.Sprintf("last %d\n", i))
		for n := i; n > 0; n-- {
			b.rename(fmt.Sprintf("nova/nova-api.log.%d", n), fmt.Sprintf("nova/nova-api.log.%d", n+1))
		}
		b.rename("nova/nova-api.log", "nova/nova-api.log.1")
		b.append("nova/nova-api.log.1", fmt.Sprintf("late %d\n", i)) // the writer has not noticed yet
		b.write("nova/nova-api.log", fmt.Sprintf("first %d\n", i))
		want = append(want, fmt.Sprintf("last %d", i), fmt.Sprintf("late %d", i), fmt.Sprintf("first %d", i))
		b.expect(nova, want...)
	}
}

func TestRenamedOutOfThePattern(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
	b.rename("nova/nova-api.log", "nova/old")
	b.append("nova/old", "b\n")
	b.write("nova/nova-api.log", "c\n")
	b.expect(nova, "a", "b", "c")
}

func TestCopyAndTruncate(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\nb\n")
	b.start()
	b.expect(nova, "a", "b")
	for i := range 3 { // the copy has one record more than was read, or not
		b.write(fmt.Sprintf("nova/nova-api.log.%d", 9-i), "")
		require.NoError(t, os.Remove(b.path(fmt.Sprintf("nova/nova-api.log.%d", 9-i))))
	}
	data, err := os.ReadFile(b.path("nova/nova-api.log"))
	require.NoError(t, err)
	b.write("nova/nova-api.log.1", string(data))
	time.Sleep(50 * time.Millisecond)
	b.write("nova/nova-api.log", "c\n") // truncates in place
	b.expect(nova, "a", "b", "c")
}

func TestCopyAndTruncateWhileStopped(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a long first line\nb\n")
	b.start()
	b.expect(nova, "a long first line", "b")
	b.stop()
	b.append("nova/nova-api.log", "c\n")
	data, err := os.ReadFile(b.path("nova/nova-api.log"))
	require.NoError(t, err)
	b.write("nova/nova-api.log.1", string(data))
	b.write("nova/nova-api.log", "d\n")
	b.start()
	b.expect(nova, "a long first line", "b", "c", "d")
}

func TestTruncatedAndLongerThanBefore(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
	b.write("nova/nova-api.log", "something else\nand more\n")
	b.expect(nova, "a", "something else", "and more")
	ids := b.stream(nova).ids
	require.NotEqual(t, ids[0], ids[1], "the first record of another content is another record")
	require.EqualValues(t, 1, b.input.Stats().Truncations)
}

func TestCompressedGenerations(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\nb\n")
	b.start()
	b.expect(nova, "a", "b")
	b.stop()
	b.append("nova/nova-api.log", "c\nd")
	zip := func(from, to string) {
		data, err := os.ReadFile(b.path(from))
		require.NoError(t, err)
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, err = w.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		b.write(to, z.String())
		require.NoError(t, os.Remove(b.path(from)))
	}
	zip("nova/nova-api.log", "nova/nova-api.log.1.gz")
	b.write("nova/nova-api.log", "e\n")
	b.start()
	b.expect(nova, "a", "b", "c", "d", "e")
	b.stop()
	b.start()
	b.expect(nova, "a", "b", "c", "d", "e")
}

func TestOldFilesAreLeftOut(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log.1", "old\n")
	old := time.Now().Add(-800 * time.Hour)
	require.NoError(t, os.Chtimes(b.path("nova/nova-api.log.1"), old, old))
	b.write("nova/nova-api.log", "new\n")
	b.start()
	b.expect(nova, "new")
}

func TestTAI64NamesSortByTime(t *testing.T) {
	b := newBench(t)
	b.cfg.FileMatch = `calico/felix/(current|@(?P<Seq>[0-9a-f][0-9a-f]*)\.[su])$`
	b.cfg.Differentiator = []string{"calico", ".", "felix"}
	b.write("calico/felix/@4000000058b5b0a5000000aa.u", "b\n")
	b.write("calico/felix/@4000000058b5a0a5000000aa.s", "a2\n")
	b.write("calico/felix/@4000000058b5a0a5000000a9.s", "a1\n")
	b.write("calico/felix/current", "c\n")
	b.start()
	b.expect("calico.felix", "a1", "a2", "b", "c")
}

func TestMonthNamesAndTranslations(t *testing.T) {
	b := newBench(t)
	b.cfg.FileMatch = `(?P<Level>\w+)-(?P<MonthName>\w+)\.log`
	b.cfg.Differentiator = nil
	b.cfg.Priority = []string{"Level", "MonthName"}
	b.cfg.Translation = map[string]map[string]int{"Level": {"Low": 1, "HIGH": 2}}
	b.write("high-jan.log", "3\n")
	b.write("low-December.log", "2\n")
	b.write("LOW-feb.log", "1\n")
	b.write("other-feb.log", "0\n")
	b.start()
	b.expect("logs", "0", "1", "2", "3")
}

func TestSeveralFilesWithoutPriorityAreIgnored(t *testing.T) {
	b := newBench(t)
	b.cfg.Priority = nil
	b.write("nova/nova-api.log", "a\n")
	b.write("nova/nova-api.log.1", "b\n")
	b.write("nova/other.log", "c\n")
	b.start()
	b.expect("nova_other", "c")
	require.Empty(t, b.stream(nova).got())
}

func TestInitialTail(t *testing.T) {
	b := newBench(t)
	b.cfg.InitialTail = true
	b.write("nova/nova-api.log.1", "a\n")
	b.write("nova/nova-api.log", "b\n")
	b.start()
	b.stream(nova)
	time.Sleep(60 * time.Millisecond)
	b.append("nova/nova-api.log", "c\n")
	b.expect(nova, "c")
	b.stop()
	b.append("nova/nova-api.log", "d\n")
	b.start()
	b.expect(nova, "c", "d")
}

func TestHeldRecordsAreReadAgain(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\nb\nc\n")
	b.stream(nova).hold = 2
	b.start()
	b.expect(nova, "a", "b", "c")
	require.Eventually(t, func() bool { // the journal stays before the held ones
		p, err := logstream.Positions(b.input.JournalDir())
		return err == nil && len(p) == 1 && p[0].Offset == 2 && p[0].Size == 6 && p[0].Stream == nova
	}, time.Minute, 5*time.Millisecond)
	b.crash()
	b.start()
	b.expect(nova, "a", "b", "c", "b", "c")
	ids := b.stream(nova).ids
	require.Equal(t, ids[1:3], ids[3:5], "a record keeps its identity")
}

func TestIdentitySurvivesACrashAndGrowth(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
	require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "none")))
	b.append("nova/nova-api.log", strings.Repeat("x", 2000)+"\n")
	b.expect(nova, "a", strings.Repeat("x", 2000))
	b.crash()
	n := len(b.stream(nova).ids)
	b.start()
	b.append("nova/nova-api.log", "z\n")
	require.Eventually(t, func() bool {
		got := b.stream(nova).got()
		return got[len(got)-1] == "z"
	}, time.Minute, time.Millisecond)
	seen := map[message.UUID]string{}
	for i, id := range b.stream(nova).ids {
		rec := b.stream(nova).records[i]
		if before, ok := seen[id]; ok {
			require.Equal(t, before, rec)
			require.GreaterOrEqual(t, i, n, "twice only after the crash")
		}
		seen[id] = rec
	}
	require.Len(t, seen, 3, "what was read again has the same identity")
}

func TestOverlongRecordIsCounted(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n"+strings.Repeat("x", 600<<10)+"\nb\n")
	b.start()
	b.expect(nova, "a", "b")
	require.EqualValues(t, 1, b.input.Stats().TooLong)
}

func TestLargeFileInOrder(t *testing.T) {
	b := newBench(t)
	var text strings.Builder
	var want []string
	for i := range 20000 {
		line := fmt.Sprintf("line %d %s", i, strings.Repeat("y", i%97))
		want = append(want, line)
		text.WriteString(line + "\n")
	}
	b.write("nova/nova-api.log", text.String())
	b.start()
	b.expect(nova, want...)
}

func TestPathsMode(t *testing.T) {
	b := newBench(t)
	b.cfg.FileMatch, b.cfg.Differentiator, b.cfg.Priority = "", nil, nil
	b.cfg.Paths = []string{b.path("*.log")}
	b.cfg.Exclude = []string{"skip*"}
	b.write("web.log", "a\n")
	b.write("web.log.1", "too old for a first start\n")
	b.write("skip.log", "x\n")
	b.start()
	b.expect("logs.web", "a")
	b.stop()
	b.append("web.log", "b\n")
	b.rename("web.log", "web.log.1")
	b.write("web.log", "c\n")
	b.start()
	b.expect("logs.web", "a", "b", "c")
}

func TestBrokenJournalIsSetAside(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	dir := filepath.Join(b.opt.DataDir, "logstreamer")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, nova+".json"), []byte("{half"), 0o600))
	b.start()
	b.expect(nova, "a")
	require.FileExists(t, filepath.Join(dir, nova+".json.broken"))
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*logstream.Config){
		"file_match":       func(c *logstream.Config) { c.FileMatch = "" },
		"not both":         func(c *logstream.Config) { c.Paths = []string{"x"} },
		"has no group":     func(c *logstream.Config) { c.Priority = []string{"^Nope"} },
		"missing closing":  func(c *logstream.Config) { c.FileMatch = "(" },
		"may only hold":    func(c *logstream.Config) { c.Translation = map[string]map[string]int{"Seq": {"a": 1}} },
		"syntax error in ": func(c *logstream.Config) { c.Exclude = []string{"["} },
	} {
		b := newBench(t)
		change(&b.cfg)
		_, err := logstream.New(b.cfg, b.opt)
		require.ErrorContains(t, err, want)
	}
	b := newBench(t)
	b.opt.Splitter = splitter.Config{Engine: "none"}
	_, err := logstream.New(b.cfg, b.opt)
	require.ErrorContains(t, err, "engine")
}

type sink struct{ n int }

func (s *sink) Emit(*message.Message) error         { s.n++; return nil }
func (s *sink) Commit(context.Context) (int, error) { return 0, nil }
func (s *sink) Close(context.Context) error         { return nil }

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	line := strings.Repeat("x", 169) + "\n"
	const lines = 200000
	require.NoError(b, os.WriteFile(filepath.Join(dir, "a.log"), bytes.Repeat([]byte(line), lines), 0o600))
	b.ReportAllocs()
	for b.Loop() {
		cfg := logstream.DefaultConfig()
		cfg.LogDirectory, cfg.FileMatch = dir, `.*\.log`
		in, err := logstream.New(cfg, logstream.Options{Name: "b", DataDir: b.TempDir()})
		require.NoError(b, err)
		s := &sink{}
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
		for in.Stats().Records < lines {
			time.Sleep(100 * time.Microsecond)
		}
		cancel()
		<-done
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

package buffer_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// damagedRecords is how many records the damaged queues begin with, of which
// settledRecords are settled.
const (
	damagedRecords = 300
	settledRecords = 20
)

func repairOptions() buffer.Options {
	return buffer.Options{SegmentBytes: 8 << 10, MemoryBytes: 1, MaxBytes: 1 << 20}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	slices.Sort(names)
	return names
}

func edit(t *testing.T, name string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, change(b), 0o600))
}

// frameAt returns where frame i of a segment begins and ends.
func frameAt(t *testing.T, b []byte, i int) (from, to int) {
	t.Helper()
	for off := 0; ; i-- {
		require.Less(t, off, len(b))
		end := off + buffer.HeaderSize + int(uint32(b[off+4])|uint32(b[off+5])<<8|uint32(b[off+6])<<16)
		if i == 0 {
			return off, end
		}
		off = end
	}
}

// damage is one class of damage. wreck does it and returns how many records it
// costs; -1: whatever the numbers of the records say.
type damage struct {
	name  string
	wreck func(t *testing.T, dir string, segs []string)
	lost  int    // records; -1: at least one
	why   string // the reason the lost messages are counted for
	again bool   // settled records may be handed out again
}

func damages() []damage {
	flip := func(seg, frame, at int) func(*testing.T, string, []string) {
		return func(t *testing.T, _ string, segs []string) {
			t.Helper()
			if seg < 0 {
				seg += len(segs)
			}
			edit(t, segs[seg], func(b []byte) []byte {
				from, _ := frameAt(t, b, frame)
				b[from+at] ^= 0x10
				return b
			})
		}
	}
	last := func(change func(b []byte) []byte) func(*testing.T, string, []string) {
		return func(t *testing.T, _ string, segs []string) {
			t.Helper()
			edit(t, segs[len(segs)-1], change)
		}
	}
	return []damage{
		{name: "none", wreck: func(*testing.T, string, []string) {}},
		{name: "zeros at the tail", wreck: last(func(b []byte) []byte { return append(b, make([]byte, 4096)...) })},
		{name: "garbage at the tail", wreck: last(func(b []byte) []byte { return append(b, bytes.Repeat([]byte("TSQ1"), 999)...) })},
		{name: "half a record at the tail", wreck: last(func(b []byte) []byte {
			return append(b, buffer.Frame(damagedRecords, 5000, make([]byte, 500))[:300]...)
		})},
		{name: "one byte short", wreck: last(func(b []byte) []byte { return b[:len(b)-1] }), lost: 1, why: buffer.ReasonCorrupt},
		{name: "header flipped", wreck: flip(2, 3, 9), lost: 1, why: buffer.ReasonCorrupt},
		{name: "length flipped", wreck: flip(2, 0, 5), lost: 1, why: buffer.ReasonCorrupt},
		{name: "batch flipped", wreck: flip(3, 4, buffer.HeaderSize+50), lost: 1, why: buffer.ReasonCorrupt},
		{name: "first batch of the last segment flipped", wreck: flip(-1, 0, buffer.HeaderSize), lost: 1, why: buffer.ReasonCorrupt},
		{name: "byte missing in the middle", wreck: func(t *testing.T, _ string, segs []string) {
			t.Helper()
			edit(t, segs[2], func(b []byte) []byte {
				from, _ := frameAt(t, b, 5)
				return slices.Delete(b, from+60, from+61)
			})
		}, lost: 1, why: buffer.ReasonCorrupt},
		{name: "segment missing", wreck: func(t *testing.T, _ string, segs []string) {
			t.Helper()
			require.NoError(t, os.Remove(segs[3]))
		}, lost: -1, why: buffer.ReasonMissing},
		{name: "first segment missing", wreck: func(t *testing.T, _ string, segs []string) {
			t.Helper()
			require.NoError(t, os.Remove(segs[0]))
		}, lost: -1, why: buffer.ReasonMissing},
		{name: "last segment missing", wreck: func(t *testing.T, _ string, segs []string) {
			t.Helper()
			require.NoError(t, os.Remove(segs[len(segs)-1]))
		}, lost: -1, why: buffer.ReasonMissing},
		{name: "last segment empty", wreck: last(func([]byte) []byte { return nil }), lost: -1, why: buffer.ReasonMissing},
		{name: "all segments missing", wreck: func(t *testing.T, _ string, segs []string) {
			t.Helper()
			for _, s := range segs {
				require.NoError(t, os.Remove(s))
			}
		}, lost: damagedRecords - settledRecords, why: buffer.ReasonMissing},
		{name: "segment of zeros", wreck: func(t *testing.T, _ string, segs []string) {
			t.Helper()
			edit(t, segs[3], func(b []byte) []byte { return make([]byte, len(b)) })
		}, lost: -1, why: buffer.ReasonCorrupt},
		{name: "cursor lost", again: true, wreck: func(t *testing.T, dir string, _ []string) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(dir, "cursor")))
		}},
		{name: "cursor of zeros", again: true, wreck: func(t *testing.T, dir string, _ []string) {
			t.Helper()
			edit(t, filepath.Join(dir, "cursor"), func(b []byte) []byte { return make([]byte, len(b)) })
		}},
		{name: "foreign files", wreck: func(t *testing.T, dir string, _ []string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "core"), []byte("x"), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "1.seg"), []byte("x"), 0o600))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "00000000000000000007.seg"), 0o700))
		}},
		{name: "copy of a segment under a later name", wreck: func(t *testing.T, dir string, segs []string) {
			t.Helper()
			b, err := os.ReadFile(segs[1])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "00000000000000009999.seg"), b, 0o600))
		}},
	}
}

func TestOpenRepairs(t *testing.T) {
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			dir := t.TempDir()
			q := openQueue(t, dir, repairOptions())
			appendN(t, q, 0, damagedRecords)
			for range settledRecords {
				rec, err := q.Next(t.Context())
				require.NoError(t, err)
				require.NoError(t, q.Ack(rec.ID))
			}
			require.NoError(t, q.Close())
			segs := segments(t, dir)
			require.Greater(t, len(segs), 5)
			d.wreck(t, dir, segs)

			q = openQueue(t, dir, repairOptions())
			s := requireBalanced(t, q)
			if !d.again {
				checkLoss(t, s, d)
			}
			appendN(t, q, damagedRecords, damagedRecords+50)
			records, messages := drain(t, q)
			checkSalvage(t, d, records)
			s = requireBalanced(t, q)
			if !d.again {
				for n := range settledRecords {
					messages += uint64(batch(n).Count)
				}
				require.Equal(t, messages, s.Delivered)
				checkLoss(t, s, d)
			}
			require.NoError(t, q.Close())
			q = openQueue(t, dir, repairOptions())
			require.Zero(t, q.Stats().Damage.Records, "the loss is found once")
			require.Zero(t, q.Stats().Records)
		})
	}
}

// checkLoss compares what the queue says it lost.
func checkLoss(t *testing.T, s buffer.Stats, d damage) {
	t.Helper()
	switch d.lost {
	case 0:
		require.Empty(t, s.Dropped)
		require.Zero(t, s.Damage.Records)
	case -1:
		require.Positive(t, s.Damage.Records)
		require.Greater(t, s.Dropped[d.why], s.Damage.Records, "%v", s.Dropped)
	default:
		require.Equal(t, uint64(d.lost), s.Damage.Records)
		require.GreaterOrEqual(t, s.Dropped[d.why], uint64(d.lost), "%v", s.Dropped)
	}
}

// checkSalvage compares what came out with what went in.
func checkSalvage(t *testing.T, d damage, records []string) {
	t.Helper()
	from := settledRecords
	if d.again {
		from = 0
		for string(batch(from).Data) != records[0] {
			from++
		}
		require.LessOrEqual(t, from, settledRecords)
	}
	lost, i := 0, 0
	for n := from; n < damagedRecords+50; n++ {
		if i < len(records) && records[i] == string(batch(n).Data) {
			i++
			continue
		}
		lost++
	}
	require.Equal(t, len(records), i, "records came back that never went in, or out of order")
	switch d.lost {
	case -1:
		require.Positive(t, lost)
		require.Less(t, lost, 60)
	default:
		require.Equal(t, d.lost, lost)
	}
}

func TestStaleCursorDeliversAgain(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir, repairOptions())
	appendN(t, q, 0, 50)
	cursor, err := os.ReadFile(filepath.Join(dir, "cursor"))
	require.NoError(t, err)
	for range 10 {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, q.Ack(rec.ID))
	}
	appendN(t, q, 50, 60)
	require.NoError(t, q.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cursor"), cursor, 0o600))
	q = openQueue(t, dir, repairOptions())
	records, _ := drain(t, q)
	require.Len(t, records, 60)
	require.Empty(t, requireBalanced(t, q).Dropped)
}

func TestRotWhileOpenIsCounted(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir, repairOptions())
	appendN(t, q, 0, damagedRecords)
	segs := segments(t, dir)
	edit(t, segs[2], func(b []byte) []byte {
		from, _ := frameAt(t, b, 2)
		b[from+buffer.HeaderSize+3] ^= 1
		return b
	})
	require.NoError(t, os.Remove(segs[4]))
	edit(t, segs[len(segs)-1], func(b []byte) []byte { return b[:len(b)-3] })
	records, messages := drain(t, q)
	s := requireBalanced(t, q)
	require.Less(t, len(records), damagedRecords-2)
	require.Equal(t, messages, s.Delivered)
	require.Equal(t, uint64(damagedRecords-len(records)), s.Damage.Records)
	require.Positive(t, s.Dropped[buffer.ReasonMissing])
	require.Positive(t, s.Dropped[buffer.ReasonCorrupt])
}

func FuzzScan(f *testing.F) {
	good := append(buffer.Frame(1, 1, []byte("first")), buffer.Frame(2, 2, []byte("second"))...)
	f.Add(good)
	f.Add(good[:len(good)-2])
	f.Add(append([]byte("TSQ1TSQ1"), good...))
	f.Fuzz(func(t *testing.T, b []byte) {
		batches, skipped := buffer.ScanBytes(b)
		total := skipped
		for _, batch := range batches {
			total += int64(len(batch)) + buffer.HeaderSize
		}
		require.Equal(t, int64(len(b)), total, "every byte is of a record or skipped")

		// Whatever stands before a record must not hide it.
		batches, _ = buffer.ScanBytes(append(slices.Clone(b), buffer.Frame(1<<62, 1<<62, []byte("last"))...))
		require.NotEmpty(t, batches)
		require.Equal(t, "last", string(batches[len(batches)-1]))
	})
}

// TestLockedAwaySegmentIsLeftAlone needs to be somebody whom permissions bind.
func TestLockedAwaySegmentIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir, repairOptions())
	appendN(t, q, 0, damagedRecords)
	require.NoError(t, q.Close())
	segs := segments(t, dir)
	require.NoError(t, os.Chmod(segs[2], 0))
	if f, err := os.Open(segs[2]); err == nil {
		require.NoError(t, f.Close())
		asNobody(t)
		return
	}
	q = openQueue(t, dir, repairOptions())
	s := requireBalanced(t, q)
	require.Positive(t, s.Dropped[buffer.ReasonCorrupt])
	require.Error(t, s.LastError)
	records, _ := drain(t, q)
	require.Equal(t, damagedRecords, len(records)+int(s.Damage.Records))
	require.FileExists(t, segs[2])
}

// asNobody runs the test again as a user whom permissions bind, which root is not.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("permissions do not bind this user, who is not root either")
	}
	dir, err := os.MkdirTemp("", "nobody")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	copied := filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(copied, program, 0o600))
	require.NoError(t, os.Chmod(copied, 0o755)) // whatever the umask is
	require.NoError(t, os.Chmod(dir, 0o777))
	cmd := exec.Command(copied, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

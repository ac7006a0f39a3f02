package buffer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

var rounds = flag.Int("rounds", 50, "rounds of the crash tests")

const childEnv = "BUFFER_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// crashOptions make every code path frequent: small segments, little memory.
func crashOptions(round int) buffer.Options {
	sync := []buffer.Sync{buffer.SyncBatch, buffer.SyncInterval, buffer.SyncNever}[round%3]
	return buffer.Options{
		Sync: sync, Interval: 5 * time.Millisecond, SegmentBytes: 64 << 10, MemoryBytes: 32 << 10,
		MaxBytes: 1 << 30, FullAction: buffer.Block,
	}
}

// numbered is a record that carries its own number, length and hash.
func numbered(n uint64) buffer.Record {
	rng := rand.New(rand.NewPCG(n, 7))
	data := binary.LittleEndian.AppendUint64(nil, n)
	data = append(data, bytes.Repeat([]byte{byte(n)}, rng.IntN(20000))...)
	h := fnv.New64a()
	_, _ = h.Write(data)
	return buffer.Record{Data: h.Sum(data), Count: 1 + rng.IntN(50)}
}

func number(t *testing.T, rec buffer.Record) uint64 {
	t.Helper()
	require.GreaterOrEqual(t, len(rec.Data), 16)
	n := binary.LittleEndian.Uint64(rec.Data)
	want := numbered(n)
	require.Equal(t, want.Count, rec.Count)
	require.True(t, bytes.Equal(want.Data, rec.Data), "record %d came back changed", n)
	return n
}

// runChild appends numbered records and delivers some of them until it is
// killed, and says so: "a N" after Append, "d N" before Ack, "s N" after it.
func runChild(dir string) error {
	var round int
	if _, err := fmt.Sscan(os.Getenv(childEnv+"_ROUND"), &round); err != nil {
		return err
	}
	q, err := buffer.Open(dir, crashOptions(round))
	if err != nil {
		return err
	}
	ctx := context.Background()
	fails := make(chan error, 2)
	go func() {
		for n := uint64(round) * 1e6; ; n++ {
			if err := q.Append(ctx, numbered(n)); err != nil {
				fails <- err
				return
			}
			fmt.Printf("a %d\n", n)
		}
	}()
	go func() {
		for i := 0; ; i++ {
			rec, err := q.Next(ctx)
			if err != nil {
				fails <- err
				return
			}
			n := binary.LittleEndian.Uint64(rec.Data)
			fmt.Printf("d %d\n", n)
			if err := q.Ack(rec.ID); err != nil {
				fails <- err
				return
			}
			fmt.Printf("s %d\n", n)
			if round%5 == 0 { // a slow sink: the queue grows, reads come from disk
				time.Sleep(time.Millisecond)
			}
		}
	}()
	return <-fails
}

// crashOracle knows what the children said.
type crashOracle struct {
	appended, delivered, settled map[uint64]bool
}

// crash runs a child and kills it after a random time.
func (o *crashOracle) crash(t *testing.T, dir string, round int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("%s_ROUND=%d", childEnv, round))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	time.AfterFunc(time.Duration(10+rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var what string
		var n uint64
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &what, &n); err != nil {
			continue // the kill cut the line
		}
		map[string]map[uint64]bool{"a": o.appended, "d": o.delivered, "s": o.settled}[what][n] = true
	}
	err = cmd.Wait()
	require.ErrorContains(t, err, "killed", "the child failed by itself: %s", strings.TrimSpace(stderr.String()))
}

func TestKilledWriterLosesNothing(t *testing.T) {
	dir := t.TempDir()
	o := &crashOracle{appended: map[uint64]bool{}, delivered: map[uint64]bool{}, settled: map[uint64]bool{}}
	for round := range *rounds {
		o.crash(t, dir, round)
		q, err := buffer.Open(dir, crashOptions(round))
		require.NoError(t, err, "round %d", round)
		s := requireBalanced(t, q)
		require.Zero(t, s.Damage.Records, "round %d: %+v", round, s.Damage)
		require.Empty(t, s.Dropped)
		require.NoError(t, q.Close())
	}
	q := openQueue(t, dir, crashOptions(0))
	left := map[uint64]bool{}
	last := uint64(0)
	for q.Stats().Records > 0 {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		n := number(t, rec)
		require.True(t, n > last || n == 0, "record %d after %d", n, last)
		require.False(t, o.settled[n], "record %d was settled and came again", n)
		left[n], last = true, n
		require.NoError(t, q.Ack(rec.ID))
	}
	messages := uint64(0)
	for n := range o.appended {
		require.True(t, o.delivered[n] || left[n], "record %d is lost", n)
		messages += uint64(numbered(n).Count)
	}
	// A record may be there whose Append did not live to say so.
	for _, some := range []map[uint64]bool{o.delivered, left} {
		for n := range some {
			if !o.appended[n] {
				o.appended[n] = true
				messages += uint64(numbered(n).Count)
			}
		}
	}
	s := requireBalanced(t, q)
	require.Equal(t, messages, s.Accepted)
	require.Equal(t, messages, s.Delivered)
	t.Logf("%d rounds, %d records, %d of them found after the last kill", *rounds, len(o.appended), len(left))
	require.Greater(t, len(o.appended), *rounds)
}

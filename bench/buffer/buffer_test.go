package buffer_test

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/bench/buffer"
)

var kills = flag.Int("kills", 20, "kills of each queue")

const (
	childEnv   = "QUEUE_COMPARISON_CHILD"
	lineBytes  = 400
	batchBytes = 256 << 10
	batchLines = batchBytes / lineBytes
)

type closer interface {
	buffer.Queue
	Close() error
}

func open(kind, dir string) (closer, error) {
	if kind == "wal" {
		return buffer.OpenWAL(dir)
	}
	return buffer.OpenSegments(dir)
}

func kinds() []string { return []string{"segments", "wal"} }

func TestMain(m *testing.M) {
	flag.Parse()
	if job := os.Getenv(childEnv); job != "" {
		words := strings.Fields(job)
		run := map[string]func(kind, dir string) error{"append": appendForever, "memory": useMemory}[words[0]]
		if err := run(words[1], words[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func lines() []byte {
	b := make([]byte, batchBytes)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return b
}

// cpu is the user and system time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkQueue is the CPU that a line of 400 B costs in batches of 256 KiB:
// passed on at once, and with a sender that is far behind.
func BenchmarkQueue(b *testing.B) {
	for _, kind := range kinds() {
		for _, lag := range []int{0, 256, 2048} {
			b.Run(fmt.Sprintf("%s/behind=%dMiB", kind, lag*batchBytes>>20), func(b *testing.B) {
				q, err := open(kind, b.TempDir())
				require.NoError(b, err)
				defer q.Close()
				batch := lines()
				for range lag {
					require.NoError(b, q.Append(batch, batchLines))
				}
				b.ReportAllocs()
				n, begin := 0, cpu()
				for b.Loop() {
					if err := q.Append(batch, batchLines); err != nil {
						b.Fatal(err)
					}
					id, _, err := q.Next()
					if err != nil || id == 0 {
						b.Fatal(id, err)
					}
					if err := q.Ack(id); err != nil {
						b.Fatal(err)
					}
					n++
				}
				b.ReportMetric(float64(cpu()-begin)/float64(n*batchLines), "cpu-ns/line")
			})
		}
	}
}

// useMemory fills eight queues, drains half of each, and says what it took.
func useMemory(kind, dir string) error {
	batch := lines()
	queues := make([]closer, 8)
	for i := range queues {
		var err error
		if queues[i], err = open(kind, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return err
		}
	}
	for range 256 {
		for _, q := range queues {
			if err := q.Append(batch, batchLines); err != nil {
				return err
			}
		}
	}
	for range 128 {
		for _, q := range queues {
			id, _, err := q.Next()
			if err != nil {
				return err
			}
			if err := q.Ack(id); err != nil {
				return err
			}
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM") {
			fmt.Print(line)
		}
	}
	return nil
}

func child(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(words, " "))
	return cmd
}

// TestMemoryOfEightQueues reports the peak RSS of a process with eight queues of
// 64 MiB each.
func TestMemoryOfEightQueues(t *testing.T) {
	for _, kind := range kinds() {
		out, err := child(t, "memory", kind, t.TempDir()).Output()
		require.NoError(t, err)
		var kib int
		_, err = fmt.Sscanf(string(out), "VmHWM: %d kB", &kib)
		require.NoError(t, err)
		t.Logf("%s: peak RSS %d MiB", kind, kib>>10)
		if kind == "segments" {
			require.Less(t, kib>>10, 64)
		}
	}
}

// appendForever appends records that begin with their number and delivers every
// second one, saying so.
func appendForever(kind, dir string) error {
	q, err := open(kind, dir)
	if err != nil {
		return err
	}
	fmt.Println("open 0")
	batch := lines()
	for n := uint64(1); ; n++ {
		binary.LittleEndian.PutUint64(batch, n)
		size := 8 + rand.IntN(len(batch)-8)
		if err := q.Append(batch[:size], 1); err != nil {
			return err
		}
		fmt.Println("a", n)
		if n%2 == 0 {
			id, _, err := q.Next()
			if err != nil {
				return err
			}
			if err := q.Ack(id); err != nil {
				return err
			}
		}
	}
}

// TestKills counts after how many kills a queue does not open or lacks a record
// that it had taken.
func TestKills(t *testing.T) {
	for _, kind := range kinds() {
		bad, records := 0, 0
		for range *kills {
			dir := t.TempDir()
			cmd := child(t, "append", kind, dir)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			last := 0
			scan := bufio.NewScanner(out)
			for scan.Scan() {
				var what string
				var n int
				if got, _ := fmt.Sscan(scan.Text(), &what, &n); got == 2 && what == "a" {
					last = n
				} else if what == "open" {
					time.AfterFunc(time.Duration(5+rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				}
			}
			require.Error(t, cmd.Wait())
			records += last
			if err := check(kind, dir, last); err != nil {
				t.Logf("%s: %v", kind, err)
				bad++
			}
			require.NoError(t, os.RemoveAll(dir))
		}
		t.Logf("%s: %d of %d kills did harm, %d records", kind, bad, *kills, records)
		if kind == "segments" { // the other is only measured
			require.Zero(t, bad)
		}
	}
}

// check opens the queue and looks for all records from the cursor to last.
func check(kind, dir string, last int) error {
	q, err := open(kind, dir)
	if err != nil {
		return err
	}
	defer q.Close()
	seen := uint64(0)
	for {
		id, data, err := q.Next()
		if err != nil {
			return err
		}
		if id == 0 {
			break
		}
		n := binary.LittleEndian.Uint64(data)
		if seen == 0 && n > uint64(last/2+2) || seen > 0 && n != seen+1 {
			return fmt.Errorf("record %d after %d of %d", n, seen, last)
		}
		seen = n
		if err := q.Ack(id); err != nil {
			return err
		}
	}
	if seen < uint64(last) {
		return fmt.Errorf("the last record is %d of %d", seen, last)
	}
	return nil
}

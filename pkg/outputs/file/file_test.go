package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/file"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func open(t *testing.T, path string, change func(*file.Config), now func() time.Time) *file.Output {
	t.Helper()
	cfg := file.DefaultConfig()
	cfg.Path = path
	if change != nil {
		change(&cfg)
	}
	out, err := file.New(cfg, now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func send(t *testing.T, out *file.Output, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.NoError(t, out.Send(t.Context(), []byte(text)))
	}
}

func TestAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "out.log")
	send(t, open(t, path, func(c *file.Config) { c.Perm, c.Sync = 0o600, true }, nil), "one\n", "two\n")
	send(t, open(t, path, nil, nil), "three\n")
	require.Equal(t, "one\ntwo\nthree\n", read(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestRotatesBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	out := open(t, path, func(c *file.Config) { c.MaxSize, c.Keep = 8, 2 }, nil)
	send(t, out, "1111\n", "22\n", "3333\n", "long line that stands alone\n", "5\n")
	require.Equal(t, "5\n", read(t, path))
	require.Equal(t, "long line that stands alone\n", read(t, path+".1"))
	require.Equal(t, "3333\n", read(t, path+".2"))
	require.NoFileExists(t, path+".3")
}

func TestPathFollowsTheClock(t *testing.T) {
	folder := t.TempDir()
	now := time.Date(2017, 3, 13, 23, 59, 59, 0, time.FixedZone("", 3600))
	out := open(t, filepath.Join(folder, "%Y", "x-%m-%d-%H%%.log"), nil, func() time.Time { return now })
	send(t, out, "one\n")
	now = now.Add(time.Hour)
	send(t, out, "two\n")
	require.Equal(t, "one\n", read(t, filepath.Join(folder, "2017", "x-03-13-22%.log")))
	require.Equal(t, "two\n", read(t, filepath.Join(folder, "2017", "x-03-13-23%.log")))
}

func TestRotatedByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	out := open(t, path, nil, nil)
	send(t, out, "one\n")
	require.NoError(t, os.Rename(path, path+".old"))
	send(t, out, "two\n")
	require.NoError(t, os.Truncate(path, 0))
	send(t, out, "three\n")
	require.Equal(t, "one\n", read(t, path+".old"))
	require.Equal(t, "three\n", read(t, path))
}

func TestOverwrite(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "last")
	send(t, open(t, path, func(c *file.Config) { c.Overwrite, c.Sync = true, true }, nil), "one\n", "two\n")
	require.Equal(t, "two\n", read(t, path))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// TestFullDisk has the kernel take a part of a batch only: what it took must
// not stay, or it would be there twice after the batch was sent again.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	out := open(t, path, nil, nil)
	send(t, out, "one\n")
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: limit.Max}))
	big := strings.Repeat("0123456789abcde\n", 100)
	err := out.Send(t.Context(), []byte(big))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	require.Error(t, err)
	require.NotErrorIs(t, err, message.ErrPermanent)
	require.Equal(t, "one\n", read(t, path))
	send(t, out, big)
	require.Equal(t, "one\n"+big, read(t, path))
}

func TestFailures(t *testing.T) {
	for _, path := range []string{"", "/tmp/%", "/tmp/%q"} {
		_, err := file.New(file.Config{Path: path}, nil)
		require.Error(t, err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	for _, overwrite := range []bool{false, true} {
		out := open(t, filepath.Join(blocked, "below"), func(c *file.Config) { c.Overwrite = overwrite }, nil)
		err := out.Send(t.Context(), []byte("x\n"))
		require.Error(t, err)
		require.NotErrorIs(t, err, message.ErrPermanent)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "out.log")
	require.ErrorIs(t, open(t, path, nil, nil).Send(ctx, []byte("x\n")), context.Canceled)
	require.NoFileExists(t, path)
}

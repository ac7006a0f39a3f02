package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

func tocsinQueue(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = runQueue(t.Context(), streams{strings.NewReader(""), &o, &e}, args)
	return code, o.String(), e.String()
}

func TestQueueCommand(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join("logcollector", "output_queue", "es")
	q, err := buffer.Open(filepath.Join(dir, name), buffer.Options{})
	require.NoError(t, err)
	q.Repeat(4)
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		require.NoError(t, q.Append(t.Context(), buffer.Record{Data: []byte(line), Count: 2}))
	}

	code, out, _ := tocsinQueue(t, "ls", "--data-dir", dir, "--output", "json")
	require.Equal(t, exitOK, code)
	var rows []queueRow
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 1)
	require.Equal(t, name, rows[0].Queue)
	require.Equal(t, uint64(6), rows[0].Messages)
	require.Equal(t, uint64(3), rows[0].Records)
	require.Equal(t, uint64(4), rows[0].Repeated)

	code, out, _ = tocsinQueue(t, "cat", "-data-dir", dir, name, "-n", "2")
	require.Equal(t, exitOK, code)
	require.Equal(t, "one\ntwo\n", out)

	code, _, errs := tocsinQueue(t, "drop", "--data-dir", dir, "--yes", name)
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "in use by another process")
	require.NoError(t, q.Close())

	code, _, errs = tocsinQueue(t, "drop", "--data-dir", dir, name)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--yes")
	code, out, _ = tocsinQueue(t, "drop", "--data-dir", dir, "--yes", "-n", "1", name)
	require.Equal(t, exitOK, code)
	require.Equal(t, "dropped 1 records with 2 messages\n", out)
	_, out, _ = tocsinQueue(t, "cat", "--data-dir", dir, name)
	require.Equal(t, "two\nthree\n", out)
	_, out, _ = tocsinQueue(t, "ls", "--data-dir", dir)
	require.Contains(t, out, "operator=2")
	_, out, _ = tocsinQueue(t, "ls", "--data-dir", dir, "--output", "yaml")
	require.Contains(t, out, "operator: 2")
}

func TestQueueCommandUsage(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
	}{
		{nil, exitUsage},
		{[]string{"rm"}, exitUsage},
		{[]string{"--help"}, exitOK},
		{[]string{"ls", "-h"}, exitOK},
		{[]string{"ls", "--output", "xml"}, exitUsage},
		{[]string{"ls", "extra"}, exitUsage},
		{[]string{"cat"}, exitUsage},
		{[]string{"cat", "--data-dir", dir, "nothing"}, exitFindings},
		{[]string{"ls", "--data-dir", filepath.Join(dir, "nothing")}, exitFindings},
		{[]string{"ls", "--data-dir", dir}, exitOK},
	} {
		code, _, _ := tocsinQueue(t, c.args...)
		require.Equal(t, c.code, code, "%v", c.args)
	}
}

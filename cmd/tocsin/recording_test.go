package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// odd is a message with everything that plain JSON would lose.
func odd() *message.Message {
	m := &message.Message{
		UUID: message.NewUUID(), Timestamp: 1772366400123456789, Type: "metric", Logger: "l", Hostname: "h",
		Payload: "not \xff text", EnvVersion: "1",
	}
	m.SetSeverity(3)
	m.SetPID(42)
	m.AddInteger("big", math.MaxInt64, "B")
	m.AddDouble("whole", 3, "s")
	m.AddDouble("none", math.Inf(-1), "")
	m.AddBool("on", true)
	m.AddStrings("tags", "a", "b")
	m.AddString("tags", "again")
	m.AddField(message.NewField("raw", "", message.BytesValue("\x00\xfe")))
	return m
}

func TestARecordingIsExact(t *testing.T) {
	want := odd()
	path := filepath.Join(t.TempDir(), "x.ndjson")
	f, err := os.Create(path)
	require.NoError(t, err)
	w, err := newRecordingWriter(f, recordingHeader{Role: daemon.MetricCollector, Host: "h"})
	require.NoError(t, err)
	at := time.Unix(1772366401, 5)
	require.NoError(t, w.write(at, want))
	require.NoError(t, w.write(at.Add(-time.Second), want)) // the clock was set back
	require.NoError(t, w.w.Flush())
	require.NoError(t, f.Close())

	r, err := openRecording(path)
	require.NoError(t, err)
	defer r.file.Close()
	require.Equal(t, daemon.MetricCollector, r.header.Role)
	for range 2 {
		require.True(t, at.Equal(r.at))
		require.Equal(t, message.AppendFramed(nil, want), message.AppendFramed(nil, r.m))
		require.NoError(t, r.next())
	}
	require.Nil(t, r.m)
}

// TestTapInFrames has a daemon that knows frames, which keep all types.
func TestTapInFrames(t *testing.T) {
	want := odd()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "frames", r.URL.Query().Get("format"))
		w.Header().Set("Content-Type", framesType)
		left := message.Message{Type: tapLostType}
		left.AddInteger(tapLostField, 7, "")
		_, _ = w.Write(message.AppendFramed(message.AppendFramed(nil, want), &left))
	}))
	defer server.Close()
	var got []byte
	lost, err := tapMessages(t.Context(), server.URL, "TRUE", func(m *message.Message) error {
		got = message.AppendFramed(got, m)
		return nil
	})
	require.Equal(t, message.AppendFramed(nil, want), got)
	require.Equal(t, int64(7), lost)
	var down *unreachableError
	require.ErrorAs(t, err, &down, "the stream ended without being asked to")
}

func TestRecordingsAreReadTogetherInOrder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, seconds ...int64) string {
		var b bytes.Buffer
		w, err := newRecordingWriter(&b, recordingHeader{Role: daemon.MetricCollector, Host: name})
		require.NoError(t, err)
		for _, s := range seconds {
			require.NoError(t, w.write(time.Unix(s, 0), &message.Message{Type: "metric"}))
		}
		require.NoError(t, w.w.Flush())
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
		return path
	}
	list, err := openRecordings([]string{write("a", 1, 4, 5), write("b", 2, 3, 6), write("c")})
	require.NoError(t, err)
	defer closeRecordings(list)
	var order []int64
	for r := earliest(list); r != nil; r = earliest(list) {
		order = append(order, r.at.Unix())
		require.NoError(t, r.next())
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6}, order)
}

func FuzzRecording(f *testing.F) {
	f.Add([]byte(`{"passed_ns":"1","message":{"type":"metric","fields":[{"name":"a","value_type":3,"value":[1]}]}}`))
	f.Add([]byte(`{"passed_ns":"x"}`))
	f.Add([]byte(`{"passed_ns":"1","message":{"fields":{"a":{"value":null}}}}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, line []byte) {
		path := filepath.Join(dir, "x")
		text := append([]byte("{\"tocsin_recording\":1}\n"), line...)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		r, err := openRecording(path)
		for ; err == nil && r.m != nil; err = r.next() {
			w, writeErr := newRecordingWriter(io.Discard, r.header)
			require.NoError(t, writeErr)
			require.NoError(t, w.write(r.at, r.m))
		}
		if r != nil {
			_ = r.file.Close()
		}
	})
}

// The fast reader and the one that takes every form must agree.
func FuzzParseRecorded(f *testing.F) {
	m := odd()
	m.Payload = "text"
	line, err := (&encoders.JSON{}).Encode(nil, m)
	require.NoError(f, err)
	f.Add(string(line))
	f.Add(`{"uuid":"0298b00d-efff-8ff4-af45-d150c065f387","timestamp_ns":"1","fields":[{"name":"a","value_type":2,"value":[1]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		fast, err := parseRecorded(text)
		if err != nil {
			return
		}
		slow, err := parseMessage(json.RawMessage(text), time.Unix(0, 0))
		if err == nil && utf8.ValidString(text) {
			require.Equal(t, message.AppendFramed(nil, slow), message.AppendFramed(nil, fast))
		}
	})
}

func TestTheFastReaderReadsWhatIsWritten(t *testing.T) {
	want := odd()
	want.Payload = "\u2028 \"x\"\n \u00e4"
	line, err := (&encoders.JSON{}).Encode(nil, want)
	require.NoError(t, err)
	m, err := parseRecorded(string(line))
	require.NoError(t, err)
	require.Equal(t, message.AppendFramed(nil, want), message.AppendFramed(nil, m))
}

func TestReplayStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, []byte("{\"tocsin_recording\":1,\"role\":\"aggregator\"}\n{\"passed_ns\":\"1\",\"message\":{\"type\":\"x\"}}\n"), 0o600))
	model, err := loadReplayModel(nil, true)
	require.NoError(t, err)
	_, err = replayFiles(ctx, model, []string{path}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

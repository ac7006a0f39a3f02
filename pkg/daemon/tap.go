package daemon

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// tapFrames is the content type of a tap that answers with frames, which keep
// every type and the order of fields.
const tapFrames = "application/vnd.tocsin.frames"

// tapLine is one message as the tap writes it in JSON.
type tapLine struct {
	UUID      string         `json:"uuid"`
	Timestamp time.Time      `json:"timestamp"`
	Type      string         `json:"type"`
	Logger    string         `json:"logger,omitempty"`
	Hostname  string         `json:"hostname,omitempty"`
	Severity  int32          `json:"severity"`
	PID       int32          `json:"pid,omitempty"`
	Payload   string         `json:"payload,omitempty"`
	Fields    map[string]any `json:"fields,omitempty"`
}

// serveTap streams the messages that pass until the client goes away: one JSON
// object a line, or frames with ?format=frames. What the client is too slow for
// is left out and counted: a message of the type tocsin.tap holds the number.
func (d *Daemon) serveTap(w http.ResponseWriter, r *http.Request) {
	expr := r.URL.Query().Get("matcher")
	if expr == "" {
		expr = "TRUE"
	}
	want, err := matcher.Parse(expr)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	g := d.generation()
	if g == nil {
		writeError(w, http.StatusServiceUnavailable, errors.New("the daemon is starting"))
		return
	}
	write := writeTapLine
	w.Header().Set("Content-Type", "application/x-ndjson")
	if r.URL.Query().Get("format") == "frames" {
		w.Header().Set("Content-Type", tapFrames)
		write = writeTapFrame
	}
	messages, lost, stop := g.pipeline.Tap(want)
	defer stop()
	control := http.NewResponseController(w)
	_ = control.Flush()
	told := int64(0)
	for {
		select {
		case <-r.Context().Done():
			return
		case m := <-messages:
			err := write(w, m)
			if n := lost(); n > told && err == nil {
				told = n
				err = write(w, lostMessage(n))
			}
			if len(messages) == 0 && err == nil {
				err = control.Flush()
			}
			if err != nil {
				return
			}
		}
	}
}

// lostMessage says how many messages a tap has left out so far.
func lostMessage(n int64) *message.Message {
	m := &message.Message{UUID: message.NewUUID(), Timestamp: time.Now().UnixNano(), Type: "tocsin.tap"}
	m.AddInteger("lost", n, "count")
	return m
}

func writeTapFrame(w io.Writer, m *message.Message) error {
	_, err := w.Write(message.AppendFramed(nil, m))
	return err
}

func writeTapLine(w io.Writer, m *message.Message) error {
	line := tapLine{
		UUID: m.UUID.String(), Timestamp: time.Unix(0, m.Timestamp).UTC(), Type: m.Type, Logger: m.Logger,
		Hostname: m.Hostname, Severity: m.Severity(), PID: m.PID(), Payload: m.Payload, Fields: map[string]any{},
	}
	for i := range m.Fields {
		line.Fields[m.Fields[i].Name] = fieldValue(&m.Fields[i])
	}
	return json.NewEncoder(w).Encode(line)
}

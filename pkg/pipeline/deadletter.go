package pipeline

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// maxDeadLetters is the size at which the file is renamed to ".1", in bytes. So
// two of that size is the most an output's dead letters take.
const maxDeadLetters = 64 << 20

const (
	// tellEvery is how often dead letters are logged at most.
	tellEvery = time.Minute
	// maxReason and maxSample bound what the log shows of one, in bytes.
	maxReason = 400
	maxSample = 200
)

// deadLetters is the file of what an output's far side refuses for good: one
// JSON object a line with time, output, reason and the item as text or base64.
type deadLetters struct {
	output string
	path   string
	log    *slog.Logger
	now    func() time.Time
	file   *os.File
	size   int64
	bad    bool

	untold   int              // messages that the log has not told of
	example  message.Rejected // the last of them, cut short
	told     time.Time
	everTold bool
}

type deadLetter struct {
	Time   time.Time `json:"time"`
	Output string    `json:"output"`
	Reason string    `json:"reason"`
	Text   string    `json:"item,omitempty"`
	Bytes  []byte    `json:"item_base64,omitempty"`
}

func newDeadLetters(output, path string, log *slog.Logger, now func() time.Time) *deadLetters {
	return &deadLetters{output: output, path: path, log: log, now: now}
}

// add keeps items, which hold so many messages, and tells of them.
func (d *deadLetters) add(items []message.Rejected, messages int) {
	if len(items) == 0 {
		return
	}
	d.write(items)
	last := items[len(items)-1]
	d.untold += messages
	d.example = message.Rejected{Item: []byte(clip(last.Item, maxSample)), Reason: clip([]byte(last.Reason), maxReason)}
	d.tell(false)
}

// tell logs that there are dead letters: the first at once, and then their count
// when the last time is long enough ago; at the end what is left.
func (d *deadLetters) tell(end bool) {
	if d.untold == 0 {
		return
	}
	now := d.now()
	if d.everTold && now.Sub(d.told) < tellEvery && !end {
		return
	}
	d.log.Warn("the far side refuses messages for good; they are not sent again, and kept as dead letters, one a line of the file",
		"output", d.output, "messages", d.untold, "reason", d.example.Reason, "item", string(d.example.Item), "file", d.path)
	d.untold, d.told, d.everTold = 0, now, true
}

// clip returns the beginning of a text, as valid UTF-8.
func clip(text []byte, limit int) string {
	if len(text) <= limit {
		return strings.ToValidUTF8(string(text), "\ufffd")
	}
	return strings.ToValidUTF8(string(text[:limit]), "\ufffd") + "..."
}

// write adds items to the file. One that cannot be written does not stop the queue:
// the ledger counts the messages all the same.
func (d *deadLetters) write(items []message.Rejected) {
	if d.path == "" {
		return
	}
	var lines []byte
	for _, item := range items {
		letter := deadLetter{Time: time.Now().UTC(), Output: d.output, Reason: item.Reason}
		if utf8.Valid(item.Item) {
			letter.Text = string(item.Item)
		} else {
			letter.Bytes = item.Item
		}
		line, err := json.Marshal(letter)
		if err != nil {
			continue // no value of these types fails to encode
		}
		lines = append(append(lines, line...), '\n')
	}
	err := d.open()
	if err == nil {
		_, err = d.file.Write(lines)
		d.size += int64(len(lines))
	}
	if err != nil && !d.bad {
		d.log.Error("dead letters cannot be kept; they are counted only", "output", d.output, "file", d.path, "error", err)
	}
	d.bad = err != nil
}

func (d *deadLetters) open() error {
	if d.file != nil && d.size < maxDeadLetters {
		return nil
	}
	if d.file != nil {
		d.closeFile()
		if err := os.Rename(d.path, d.path+".1"); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	d.file, d.size = f, info.Size()
	return nil
}

// close tells what was not told yet, and closes the file.
func (d *deadLetters) close() {
	d.tell(true)
	d.closeFile()
}

func (d *deadLetters) closeFile() {
	if d.file != nil {
		_ = d.file.Close()
		d.file = nil
	}
}

package pipeline

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// maxDeadLetters is the size at which the file is renamed to ".1", in bytes. So
// two of that size is the most an output's dead letters take.
const maxDeadLetters = 64 << 20

// deadLetters is the file of what an output's far side refuses for good: one
// JSON object a line with time, output, reason and the item as text or base64.
type deadLetters struct {
	path string
	log  *slog.Logger
	file *os.File
	size int64
	bad  bool
}

type deadLetter struct {
	Time   time.Time `json:"time"`
	Output string    `json:"output"`
	Reason string    `json:"reason"`
	Text   string    `json:"item,omitempty"`
	Bytes  []byte    `json:"item_base64,omitempty"`
}

func newDeadLetters(path string, log *slog.Logger) *deadLetters {
	return &deadLetters{path: path, log: log}
}

// write adds items. A file that cannot be written does not stop the queue: the
// ledger counts the messages all the same.
func (d *deadLetters) write(output string, items []message.Rejected) {
	if d.path == "" || len(items) == 0 {
		return
	}
	var lines []byte
	for _, item := range items {
		letter := deadLetter{Time: time.Now().UTC(), Output: output, Reason: item.Reason}
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
		d.log.Error("dead letters cannot be kept; they are counted only", "output", output, "file", d.path, "error", err)
	}
	d.bad = err != nil
}

func (d *deadLetters) open() error {
	if d.file != nil && d.size < maxDeadLetters {
		return nil
	}
	if d.file != nil {
		d.close()
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

func (d *deadLetters) close() {
	if d.file != nil {
		_ = d.file.Close()
		d.file = nil
	}
}

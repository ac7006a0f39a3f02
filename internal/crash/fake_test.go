package crash_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// fakeCollector follows {logs}/app.log and sends it to the sink. It is right, or
// wrong in the one way that its kind says: the harness has to tell.
type fakeCollector struct {
	kind                   string
	logs, data, url, admin string
}

func (c fakeCollector) run() error {
	if c.kind == "lies" {
		go func() {
			_ = http.ListenAndServe(c.admin, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `{"balanced":true,"entries":[{"stage":"output","name":"es","accepted":3,"delivered":3}]}`)
			}))
		}()
	}
	name := filepath.Join(c.data, "offset")
	offset := int64(0)
	if b, err := os.ReadFile(name); err == nil {
		if offset, err = strconv.ParseInt(string(b), 10, 64); err != nil {
			return err
		}
	}
	for {
		batch, n, err := c.read(offset)
		if err != nil || n == 0 {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		start := offset
		offset += n
		if c.kind == "loses" {
			if err := save(name, offset); err != nil {
				return err
			}
		}
		for c.send(batch) != nil {
			time.Sleep(10 * time.Millisecond)
			if c.kind == "doubles" {
				if batch, n, err = c.read(start); err != nil {
					return err
				}
				offset = start + n
			}
		}
		if err := save(name, offset); err != nil {
			return err
		}
	}
}

// read encodes the whole lines from offset on.
func (c fakeCollector) read(offset int64) (batch []byte, n int64, err error) {
	f, err := os.Open(filepath.Join(c.logs, "app.log"))
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	b := make([]byte, 8192)
	got, _ := f.ReadAt(b, offset)
	for line := range bytes.Lines(b[:got]) {
		if line[len(line)-1] != '\n' {
			break
		}
		id := fmt.Sprint(offset + n)
		if c.kind == "doubles" {
			id = fmt.Sprint(rand.Uint64())
		}
		batch = fmt.Appendf(batch, "{\"create\":{\"_id\":%q}}\n{\"Payload\":%q}\n", id, bytes.TrimSpace(line))
		n += int64(len(line))
	}
	return batch, n, nil
}

func (c fakeCollector) send(batch []byte) error {
	client := http.Client{Timeout: 300 * time.Millisecond}
	resp, err := client.Post(c.url+"/_bulk", "application/x-ndjson", bytes.NewReader(batch))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"status":429`)) {
		return fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	return nil
}

func save(name string, offset int64) error {
	temp := name + ".new"
	if err := os.WriteFile(temp, strconv.AppendInt(nil, offset, 10), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

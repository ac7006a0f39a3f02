package logstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// entry is what the journal keeps of a file.
type entry struct {
	Path       string    `json:"path"`
	Inode      uint64    `json:"inode"`
	Birth      int64     `json:"birth,omitempty"`
	Generation int       `json:"generation,omitempty"` // how often it was overwritten
	ID         uint64    `json:"id"`                   // the fingerprint its records' UUIDs derive from
	Offset     int64     `json:"offset"`               // of the first byte not durable yet
	HeadLen    int       `json:"head_len"`
	HeadHash   uint64    `json:"head_hash"`
	LeadHash   uint64    `json:"lead_hash,omitempty"` // of the first leadSize bytes, if there are so many
	Marks      []mark    `json:"marks,omitempty"`     // the last of what was read, ascending
	ZipSize    int64     `json:"zip_size,omitempty"`  // size of a compressed file that was read to its end
	Seen       time.Time `json:"seen"`
}

// is reports whether e is about the file with that inode and time of birth, as
// far as both are known.
func (e *entry) is(st status) bool {
	return e.Inode == st.inode && (e.Birth == st.birth || e.Birth == 0 || st.birth == 0)
}

// journal is the file of one stream.
type journal struct {
	Stream string  `json:"stream"`
	Files  []entry `json:"files"` // oldest first
	known  bool    // there was a journal, whether or not it could be read
}

// keepGone is how long, and how many, vanished files are remembered: a copy of
// one of them may still turn up.
const (
	keepGone    = 48 * time.Hour
	keepGoneN   = 32
	keepAtLeast = time.Minute // a folder that is being rotated does not show all its files
)

func journalPath(dir, stream string) string {
	name := url.PathEscape(stream)
	if strings.Trim(name, ".") == "" {
		name = "%2E" + name
	}
	return filepath.Join(dir, name+".json")
}

// readJournal returns an empty journal when there is none; a broken one is set
// aside and reported.
func readJournal(dir, stream string) (journal, error) {
	path := journalPath(dir, stream)
	j := journal{Stream: stream}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	j.known = true
	if err != nil {
		return j, fmt.Errorf("read journal: %w", err)
	}
	if err := json.Unmarshal(data, &j); err != nil {
		_ = os.Rename(path, path+".broken")
		return journal{Stream: stream, known: true}, fmt.Errorf("read journal %s (set aside as .broken; the stream is read from its start): %w", path, err)
	}
	j.Stream = stream
	return j, nil
}

// write replaces the journal as a whole, so that a crash leaves the old or the
// new one.
func (j journal) write(dir string) error {
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode journal of %s: %w", j.Stream, err)
	}
	path := journalPath(dir, j.Stream)
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		_ = os.Remove(path + ".tmp") // a part of it would take space that is missing
		return fmt.Errorf("write journal: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("replace journal: %w", err)
	}
	return nil
}

// Position says how far a file of a stream was read.
type Position struct {
	Stream   string    `json:"stream"`
	Path     string    `json:"path"`
	Offset   int64     `json:"offset"` // of the first byte that is not durable yet; of a .gz: in its content
	Size     int64     `json:"size"`   // of the file; -1: it is gone
	Inode    uint64    `json:"inode"`
	LastSeen time.Time `json:"last_seen"`
}

// Positions reads the journals in dir, without a daemon, ordered by stream.
func Positions(dir string) ([]Position, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	if len(names) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("list journals: %w", err)
		}
	}
	var out []Position
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		var j journal
		if err := json.Unmarshal(data, &j); err != nil {
			return nil, fmt.Errorf("read journal %s: %w", name, err)
		}
		for _, e := range j.Files {
			p := Position{Stream: j.Stream, Path: e.Path, Offset: e.Offset, Size: -1, Inode: e.Inode, LastSeen: e.Seen}
			if st, err := examinePath(e.Path); err == nil && e.is(st) {
				p.Size = st.size
			}
			out = append(out, p)
		}
	}
	return out, nil
}

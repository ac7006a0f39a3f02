// Package file appends batches of lines to a file, which is rotated by size and,
// through directives of strftime in its path, by time. In overwrite mode it holds
// the last batch only.
//
// Invariant: a batch is in the file whole or not at all: what a failed write
// left is cut off again before the error is returned, so that the batch can be
// sent again.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

// Mode is a file's permission bits; in a model an octal text such as "644".
type Mode fs.FileMode

// UnmarshalConfig reads octal digits.
func (m *Mode) UnmarshalConfig(n *config.Node) error {
	bits, err := strconv.ParseUint(n.Text(), 8, 12)
	if err != nil {
		return n.Errorf("%q is no octal number such as 644", n.Text())
	}
	*m = Mode(bits)
	return nil
}

// Config is the section of a file output.
type Config struct {
	Path       string `yaml:"path"`        // may hold directives of strftime, in UTC: /var/log/tocsin-%Y-%m-%d.log
	Perm       Mode   `yaml:"perm"`        // of the file
	FolderPerm Mode   `yaml:"folder_perm"` // of folders made for it
	MaxSize    int64  `yaml:"max_size"`    // bytes before the file is rotated; 0: never
	Keep       int    `yaml:"keep"`        // rotated files kept: path.1 is the newest; 0: one
	Overwrite  bool   `yaml:"overwrite"`   // the file holds the last batch only, replaced in one step
	Sync       bool   `yaml:"fsync"`       // on disk before Send returns, not only in the kernel
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{Perm: 0o644, FolderPerm: 0o755, Keep: 5} }

// Output writes one file. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	now  func() time.Time
	file *os.File
	path string // of the open file
	size int64
}

// New makes an output. now is the clock for the path; nil: time.Now.
func New(cfg Config, now func() time.Time) (*Output, error) {
	if cfg.Path == "" {
		return nil, errors.New("read path: missing")
	}
	if now == nil {
		now = time.Now
	}
	if _, err := expand(cfg.Path, now()); err != nil {
		return nil, err
	}
	cfg.Keep = max(cfg.Keep, 1)
	return &Output{cfg: cfg, now: now}, nil
}

// Send appends b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil || len(b) == 0 {
		return err
	}
	path, err := expand(o.cfg.Path, o.now().UTC())
	if err != nil {
		return err
	}
	if o.cfg.Overwrite {
		return o.replace(path, b)
	}
	if err := o.open(path, int64(len(b))); err != nil {
		return err
	}
	return o.append(b)
}

func (o *Output) append(b []byte) error {
	_, err := o.file.Write(b)
	if err == nil && o.cfg.Sync {
		err = o.file.Sync()
	}
	if err == nil {
		o.size += int64(len(b))
		return nil
	}
	err = fmt.Errorf("write file: %w", err)
	if cut := o.file.Truncate(o.size); cut != nil {
		err = errors.Join(err, fmt.Errorf("cut off what a failed write left: %w", cut))
	}
	return errors.Join(err, o.Close())
}

// open makes sure that the right file is open with room for n bytes. A file that
// was moved or removed by others is left to them.
func (o *Output) open(path string, n int64) error {
	if o.file != nil {
		there, err := os.Stat(path)
		mine, mineErr := o.file.Stat()
		switch {
		case path != o.path, err != nil, mineErr != nil, !os.SameFile(there, mine):
			_ = o.Close()
		default:
			o.size = mine.Size()
		}
	}
	for range 2 {
		if o.file == nil {
			if err := o.openFile(path); err != nil {
				return err
			}
		}
		if o.cfg.MaxSize <= 0 || o.size == 0 || o.size+n <= o.cfg.MaxSize {
			return nil
		}
		if err := o.rotate(); err != nil {
			return err
		}
	}
	return nil
}

func (o *Output) openFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), fs.FileMode(o.cfg.FolderPerm)); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fs.FileMode(o.cfg.Perm))
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("open file: %w", err)
	}
	o.file, o.path, o.size = f, path, info.Size()
	return nil
}

// rotate renames path.1 to path.2 and so on, then path to path.1.
func (o *Output) rotate() error {
	if err := o.Close(); err != nil {
		return err
	}
	name := func(n int) string {
		if n == 0 {
			return o.path
		}
		return o.path + "." + strconv.Itoa(n)
	}
	for n := o.cfg.Keep - 1; n >= 0; n-- {
		if err := os.Rename(name(n), name(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate file: %w", err)
		}
	}
	return nil
}

// replace puts a file that holds just b in place of the one there.
func (o *Output) replace(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), fs.FileMode(o.cfg.FolderPerm)); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(fs.FileMode(o.cfg.Perm))
	}
	if err == nil && o.cfg.Sync {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("replace file: %w", err)
	}
	return nil
}

// Close closes the file.
func (o *Output) Close() error {
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	o.file = nil
	return err
}

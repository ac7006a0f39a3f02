package demo

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

const (
	quota      = 64 << 20 // bytes the shop's folder may hold
	usual      = 20 << 20
	nearlyFull = 62 << 20
)

// volume is the input that measures a folder against its quota, as if it were a
// file system mounted at /srv/shop. The fault fills it with a real file.
type volume struct {
	dir  string
	full func() bool
}

func newVolume(dir string, full func() bool) *volume { return &volume{dir, full} }

// Run measures every five seconds, and at once when the fault was switched.
func (v *volume) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open("volume")
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for round := 0; ; round++ {
		changed, err := v.fill()
		if err != nil {
			return err
		}
		if changed || round%5 == 0 {
			if err := v.measure(s); err != nil {
				return err
			}
		}
		if _, err := s.Commit(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// fill gives the folder's file the size that the fault asks for, and reports
// whether it had another.
func (v *volume) fill() (changed bool, err error) {
	size := int64(usual)
	if v.full() {
		size = nearlyFull
	}
	path := filepath.Join(v.dir, "orders.db")
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return false, nil
	}
	if err := os.MkdirAll(v.dir, 0o750); err != nil {
		return false, fmt.Errorf("make the volume: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return false, fmt.Errorf("fill the volume: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return false, fmt.Errorf("fill the volume: %w", err)
	}
	return true, nil
}

func (v *volume) measure(s message.Stream) error {
	used := int64(0)
	err := filepath.WalkDir(v.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			used += info.Size()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("measure the volume: %w", err)
	}
	m := &message.Message{UUID: message.NewUUID(), Timestamp: time.Now().UnixNano(), Type: "metric", Logger: "demo"}
	m.SetSeverity(6)
	m.AddString("name", "fs_space_percent_free")
	m.AddDouble("value", 100*(1-float64(used)/quota), "%")
	m.AddString("type", "gauge")
	m.AddString("source", "demo")
	m.AddDouble("interval", 5, "s")
	m.AddString("fs", "/srv/shop")
	host, _ := os.Hostname()
	m.AddString("hostname", host)
	m.AddStrings("tag_fields", "fs", "hostname")
	return s.Emit(m)
}

package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Disk is the folder of the collector's data, on a small file system of its own
// where that can be had.
type Disk struct {
	Dir string
	Own bool // it is a file system of its own and can be filled
	top string
}

const diskSize = "48m"

// NewDisk mounts a small file system in memory at path, or only makes a folder
// when that is not allowed.
func NewDisk(path string) (*Disk, error) {
	d := &Disk{top: path, Dir: filepath.Join(path, "collector")}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	d.Own = syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+diskSize) == nil
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	return d, nil
}

func (d *Disk) filler() string { return filepath.Join(d.top, "filler") }

// Fill takes all space that is left.
func (d *Disk) Fill() error {
	f, err := os.Create(d.filler())
	if err != nil {
		return fmt.Errorf("fill disk: %w", err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for len(block) > 0 {
		_, err := f.Write(block)
		if errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
			continue
		}
		if err != nil {
			return fmt.Errorf("fill disk: %w", err)
		}
	}
	return nil
}

// Empty gives the space back.
func (d *Disk) Empty() error {
	if err := os.Remove(d.filler()); err != nil {
		return fmt.Errorf("empty disk: %w", err)
	}
	return nil
}

// Close unmounts the file system.
func (d *Disk) Close() {
	if d.Own {
		_ = syscall.Unmount(d.top, syscall.MNT_DETACH)
	}
}

package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk are the system calls that may fail for reasons outside the program.
// Tests replace them to make them fail.
type disk struct {
	writeAt  func(f *os.File, b []byte, off int64) (int, error)
	sync     func(f *os.File) error
	truncate func(f *os.File, size int64) error
	free     func(dir string) (free, total int64, err error)
}

func realDisk() disk {
	return disk{
		writeAt:  (*os.File).WriteAt,
		sync:     datasync,
		truncate: (*os.File).Truncate,
		free:     freeSpace,
	}
}

func datasync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = unix.Fdatasync(int(fd)); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

func freeSpace(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// lockDir takes the folder for this process. The lock is on the folder itself:
// a lock file could not be made on a full disk.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: stop that process, or use another folder", ErrLocked)
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}

// segment is one file of frames.
type segment struct {
	first pos
	path  string
	size  int64 // up to the end of the last record
	end   pos   // behind its last record
	waste int64 // bytes behind size that could not be cut off
}

func segmentPath(dir string, id uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d.seg", id))
}

// segmentID reads the number of the first record from a file name.
func segmentID(name string) (uint64, bool) {
	var id uint64
	if len(name) != 24 || name[20:] != ".seg" {
		return 0, false
	}
	for _, c := range []byte(name[:20]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		next := id*10 + uint64(c-'0')
		if next/10 != id {
			return 0, false
		}
		id = next
	}
	return id, true
}

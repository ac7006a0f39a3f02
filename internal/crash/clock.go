package crash

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Clock lets the wall clock of daemons jump while they run. Go reads the clock
// without a system call that could be diverted, and Linux has no name space for
// the wall clock, so the daemons are built with a time.Now that adds what stands
// in a page of shared memory. The monotonic clock, on which timers are, goes on, and
// the time stamps of files are the kernel's: as when an operator sets the time,
// but for the latter.
type Clock struct {
	path string
	page []byte
}

// clockVariable names the file of the page.
const clockVariable = "CRASH_CLOCK"

// NewClock makes the page at path.
func NewClock(path string) (*Clock, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make clock: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		return nil, fmt.Errorf("make clock: %w", err)
	}
	page, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map clock: %w", err)
	}
	return &Clock{path: path, page: page}, nil
}

// Env is the environment variable that the daemons need.
func (c *Clock) Env() string { return clockVariable + "=" + c.path }

// Jump puts the wall clock d before the real one, to the second.
func (c *Clock) Jump(d time.Duration) {
	binary.NativeEndian.PutUint64(c.page, uint64(int64(d/time.Second)))
}

// Close unmaps the page.
func (c *Clock) Close() { _ = syscall.Munmap(c.page) }

// shifted is what time.Now is built with. The page is read once a call; eight
// bytes that are aligned are read whole.
const shifted = `
var crashClock = func() *int64 {
	path, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return new(int64)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic("open the clock of the crash harness: " + err.Error())
	}
	page, err := syscall.Mmap(fd, 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("map the clock of the crash harness: " + err.Error())
	}
	return (*int64)(unsafe.Pointer(&page[0]))
}()
`

// Binaries builds commands (cmd/...) of the module at root into dir, with a clock
// that a Clock moves.
func Binaries(root, dir string, commands ...string) error {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find the library: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return fmt.Errorf("read time.Now: %w", err)
	}
	const read, first = "sec, nsec, mono := runtimeNow()\n", "	_ \"unsafe\" // for go:linkname\n"
	_, now, found := strings.Cut(string(text), "func Now() Time {")
	if !found || !strings.HasPrefix(strings.TrimSpace(now), read) {
		return fmt.Errorf("build with a clock that jumps: time.Now in %s is not the one this harness knows", source)
	}
	changed := strings.Replace(string(text), "func Now() Time {\n\t"+read, "func Now() Time {\n\t"+read+"\tsec += *crashClock\n", 1)
	changed = strings.Replace(changed, first, "\t\"syscall\"\n\t\"unsafe\"\n", 1) + shifted
	replacement := filepath.Join(dir, "time.go")
	if err := os.WriteFile(replacement, []byte(changed), 0o600); err != nil {
		return fmt.Errorf("write time.Now: %w", err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: replacement}})
	if err != nil {
		return fmt.Errorf("write overlay: %w", err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return fmt.Errorf("write overlay: %w", err)
	}
	words := []string{"build", "-overlay", list, "-o", dir + string(filepath.Separator)}
	for _, c := range commands {
		words = append(words, "./cmd/"+c)
	}
	build := exec.Command("go", words...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v: %w: %s", commands, err, out)
	}
	return nil
}

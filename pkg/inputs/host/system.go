package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v3/host"
	"golang.org/x/sys/unix"
)

// ticksPerSecond is USER_HZ, the unit of processor times in /proc: 100 on every
// architecture Linux is built for today.
const ticksPerSecond = 100

// lines calls visit with the fields of every line of a file.
func lines(path string, visit func(fields []string)) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 0 {
			visit(fields)
		}
	}
	return nil
}

func number(fields []string, i int) float64 {
	if i >= len(fields) {
		return 0
	}
	f, err := strconv.ParseFloat(fields[i], 64)
	if err != nil {
		return 0
	}
	return f
}

// cpu measures shares of each core in percent (proc(5), /proc/stat).
func (in *Input) cpu() error {
	states := [...]string{"user", "nice", "system", "idle", "wait", "interrupt", "softirq", "steal"}
	return lines(in.proc("stat"), func(f []string) {
		core, ok := strings.CutPrefix(f[0], "cpu")
		if !ok || core == "" {
			return
		}
		for i, state := range states {
			in.rate("cpu", "cpu_"+state, "%", number(f, i+1)*100/ticksPerSecond, dim{"cpu_number", core})
		}
	})
}

// memory measures what the memory is used for; the parts add up to the whole.
func (in *Input) memory() error {
	info, err := in.meminfo()
	if err != nil {
		return err
	}
	rest := info["MemTotal"]
	for _, part := range []struct{ name, key string }{
		{"free", "MemFree"}, {"buffered", "Buffers"}, {"cached", "Cached"}, {"slab_recl", "SReclaimable"}, {"slab_unrecl", "SUnreclaim"},
	} {
		in.gauge("memory", "memory_"+part.name, "B", info[part.key])
		rest -= info[part.key]
	}
	in.gauge("memory", "memory_used", "B", max(rest, 0))
	if total := info["MemTotal"]; total > 0 {
		in.gauge("memory", "memory_percent_available", "%", 100*info["MemAvailable"]/total)
	}
	return lines(in.proc("vmstat"), func(f []string) {
		if f[0] == "oom_kill" { // since Linux 4.13
			in.rate("memory", "oom_kills", "1/s", number(f, 1))
		}
	})
}

func (in *Input) meminfo() (map[string]float64, error) {
	info := map[string]float64{}
	err := lines(in.proc("meminfo"), func(f []string) {
		n := number(f, 1)
		if len(f) > 2 && f[2] == "kB" {
			n *= 1024
		}
		info[strings.TrimSuffix(f[0], ":")] = n
	})
	if err == nil && info["MemTotal"] == 0 {
		err = fmt.Errorf("read %s: no MemTotal", in.proc("meminfo"))
	}
	return info, err
}

// swap measures the swap space, if there is any: a host without it cannot run
// out of it.
func (in *Input) swap() error {
	info, err := in.meminfo()
	if err != nil {
		return err
	}
	if total := info["SwapTotal"]; total > 0 {
		used := max(total-info["SwapFree"]-info["SwapCached"], 0)
		in.gauge("swap", "swap_free", "B", info["SwapFree"])
		in.gauge("swap", "swap_cached", "B", info["SwapCached"])
		in.gauge("swap", "swap_used", "B", used)
		in.gauge("swap", "swap_percent_used", "", used/total) // a ratio, in spite of its name
	}
	page := float64(os.Getpagesize())
	return lines(in.proc("vmstat"), func(f []string) {
		switch f[0] {
		case "pswpin":
			in.rate("swap", "swap_io_in", "B/s", number(f, 1)*page)
		case "pswpout":
			in.rate("swap", "swap_io_out", "B/s", number(f, 1)*page)
		}
	})
}

func (in *Input) load() error {
	return lines(in.proc("loadavg"), func(f []string) {
		for i, name := range []string{"load_shortterm", "load_midterm", "load_longterm"} {
			in.gauge("load", name, "", number(f, i))
		}
		in.gauge("load", "load_per_cpu", "", number(f, 0)/float64(runtime.NumCPU()))
	})
}

// kernel measures uptime, context switches, entropy and open files.
func (in *Input) kernel() error {
	err := lines(in.proc("uptime"), func(f []string) { in.gauge("uptime", "uptime", "s", number(f, 0)) })
	err = errors.Join(err, lines(in.proc("stat"), func(f []string) {
		if f[0] == "ctxt" {
			in.rate("contextswitch", "contextswitch", "1/s", number(f, 1))
		}
	}))
	err = errors.Join(err, lines(in.proc("sys", "kernel", "random", "entropy_avail"), func(f []string) {
		in.gauge("entropy", "entropy", "bit", number(f, 0))
	}))
	return errors.Join(err, lines(in.proc("sys", "fs", "file-nr"), func(f []string) {
		open, limit := number(f, 0)-number(f, 1), number(f, 2)
		in.gauge("filedescriptors", "file_descriptors_open", "", open)
		in.gauge("filedescriptors", "file_descriptors_max", "", limit)
		if limit > 0 {
			in.gauge("filedescriptors", "file_descriptors_percent_used", "%", 100*open/limit)
		}
	}))
}

func (in *Input) users() error {
	users, err := host.Users()
	if errors.Is(err, fs.ErrNotExist) { // no one has ever logged in
		err = nil
	}
	if err != nil {
		return fmt.Errorf("count sessions: %w", err)
	}
	in.gauge("users", "logged_users", "", float64(len(users)))
	return nil
}

// bonds measures bonded interfaces.
func (in *Input) bonds() error {
	paths, err := filepath.Glob(in.proc("net", "bonding", "*"))
	if err != nil {
		return fmt.Errorf("list bonds: %w", err)
	}
	var failed error
	for _, path := range paths {
		slave, total, down := false, 0.0, 0.0
		failed = errors.Join(failed, lines(path, func(f []string) {
			switch {
			case f[0] == "Slave":
				slave = true
			case slave && len(f) == 3 && f[0] == "MII" && f[1] == "Status:":
				total++
				if f[2] != "up" {
					down++
				}
			}
		}))
		bond := dim{"interface", filepath.Base(path)}
		in.gauge("bond_status", "bond_status_links_total", "", total, bond)
		in.gauge("bond_status", "bond_status_links_down", "", down, bond)
	}
	return failed
}

// pressure measures the share of time in which some tasks, or all of them, waited
// for a resource, over the last ten seconds (PSI). Older kernels have none.
func (in *Input) pressure() error {
	for _, resource := range []string{"cpu", "io", "memory"} {
		err := lines(in.proc("pressure", resource), func(f []string) {
			if text, ok := strings.CutPrefix(f[min(1, len(f)-1)], "avg10="); ok {
				in.gauge("pressure", resource+"_pressure_"+f[0], "%", number([]string{text}, 0))
			}
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EOPNOTSUPP) {
			return err
		}
	}
	return nil
}

// clock measures how far the clock is from what its keeper believes. A clock that
// nobody keeps has no offset to tell.
func (in *Input) clock() error {
	offset, kept, err := in.opt.Clock()
	if err != nil || !kept {
		return err
	}
	in.gauge("clock", "time_offset_abs", "s", math.Abs(offset.Seconds()))
	return nil
}

// kernelClock asks the kernel (adjtimex(2)).
func kernelClock() (offset time.Duration, kept bool, err error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return 0, false, fmt.Errorf("read the clock's state: %w", err)
	}
	if state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return 0, false, nil
	}
	unit := time.Microsecond
	if t.Status&unix.STA_NANO != 0 {
		unit = time.Nanosecond
	}
	return time.Duration(t.Offset) * unit, true, nil
}

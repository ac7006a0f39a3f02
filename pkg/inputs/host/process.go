package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// own are the services of the monitoring stack itself; their metrics are named
// lma_components_*.
var own = []string{
	"collectd", "remote_collectd", "metric_collector", "log_collector", "aggregator", "remote_collector", "elasticsearch", "influxd", "kibana", "grafana-server",
}

// states maps the letters of /proc/PID/stat to names.
var states = map[byte]string{
	'R': "running", 'S': "sleeping", 'I': "sleeping", 'D': "blocked", 'Z': "zombies", 'T': "stopped", 't': "stopped", 'W': "paging",
}

// usage is what the processes of a service need together.
type usage struct {
	processes, threads, user, system, rss, virtual, code, data, stack, minor, major float64
	readBytes, writtenBytes, readOps, writtenOps                                    float64
}

// processes counts processes by state and measures those of named services
// (proc(5)).
func (in *Input) processes() error {
	dir, err := os.ReadDir(in.opt.Proc)
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	count := map[string]float64{"running": 0, "sleeping": 0, "zombies": 0, "stopped": 0, "paging": 0, "blocked": 0}
	used := make([]usage, len(in.services))
	for _, d := range dir {
		if c := d.Name()[0]; c < '0' || c > '9' {
			continue
		}
		stat, err := os.ReadFile(in.proc(d.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		end := bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		if end < 0 || len(fields) < 27 {
			continue
		}
		if name, ok := states[fields[0][0]]; ok {
			count[name]++
		}
		in.attribute(d.Name(), fields, used)
	}
	for _, name := range []string{"running", "sleeping", "zombies", "stopped", "paging", "blocked"} {
		in.gauge("processes", "processes_count", "", count[name], dim{"state", name})
	}
	for i, u := range used {
		in.service(in.services[i].name, u)
	}
	return lines(in.proc("stat"), func(f []string) {
		if f[0] == "processes" {
			in.rate("processes", "processes_fork_rate", "1/s", number(f, 1))
		}
	})
}

// attribute adds a process to the services whose expression its command line
// matches. f are the fields of its stat file from the third on.
func (in *Input) attribute(pid string, f []string, used []usage) {
	if len(used) == 0 {
		return
	}
	cmdline, err := os.ReadFile(in.proc(pid, "cmdline"))
	if err != nil || len(cmdline) == 0 {
		return
	}
	command := strings.TrimSpace(string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
	page := float64(os.Getpagesize())
	for i, s := range in.services {
		if !s.re.MatchString(command) {
			continue
		}
		u := &used[i]
		u.processes++
		u.minor += number(f, 7)
		u.major += number(f, 9)
		u.user += number(f, 11)
		u.system += number(f, 12)
		u.threads += number(f, 17)
		u.virtual += number(f, 20)
		u.rss += number(f, 21) * page
		u.code += max(number(f, 24)-number(f, 23), 0)
		_ = lines(in.proc(pid, "status"), func(s []string) {
			switch s[0] {
			case "VmData:":
				u.data += number(s, 1) * 1024
			case "VmStk:":
				u.stack += number(s, 1) * 1024
			}
		})
		_ = lines(filepath.Join(in.opt.Proc, pid, "io"), func(s []string) { // only root may read it
			n, _ := strconv.ParseFloat(s[len(s)-1], 64)
			switch s[0] {
			case "read_bytes:":
				u.readBytes += n
			case "write_bytes:":
				u.writtenBytes += n
			case "syscr:":
				u.readOps += n
			case "syscw:":
				u.writtenOps += n
			}
		})
	}
}

func (in *Input) service(name string, u usage) {
	prefix := "process_"
	if slices.Contains(own, name) {
		prefix = "lma_components_"
	}
	tag := dim{"service", name}
	gauge := func(metric, unit string, v float64) { in.gauge("processes", prefix+metric, unit, v, tag) }
	rate := func(metric, unit string, v float64) { in.rate("processes", prefix+metric, unit, v, tag) }
	gauge("processes", "", u.processes)
	gauge("threads", "", u.threads)
	rate("cputime_user", "%", u.user*100/ticksPerSecond)
	rate("cputime_syst", "%", u.system*100/ticksPerSecond)
	gauge("memory_rss", "B", u.rss)
	gauge("memory_virtual", "B", u.virtual)
	gauge("memory_code", "B", u.code)
	gauge("memory_data", "B", u.data)
	gauge("stacksize", "B", u.stack)
	rate("pagefaults_minflt", "1/s", u.minor)
	rate("pagefaults_majflt", "1/s", u.major)
	rate("disk_bytes_read", "B/s", u.readBytes)
	rate("disk_bytes_write", "B/s", u.writtenBytes)
	rate("disk_ops_read", "1/s", u.readOps)
	rate("disk_ops_write", "1/s", u.writtenOps)
}

package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v3/disk"
)

// pseudo are the types of file systems that hold no data of their own, or whose
// server may hang.
var pseudo = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs",
	"mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs",
	"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.glusterfs", "9p", "iso9660",
}

// df measures the file systems of local disks, and the root in any case.
func (in *Input) df() error {
	mounts, err := disk.Partitions(true)
	if err != nil {
		return fmt.Errorf("list mounts: %w", err)
	}
	slices.SortStableFunc(mounts, func(a, b disk.PartitionStat) int { return len(a.Mountpoint) - len(b.Mountpoint) })
	devices := map[string]bool{}
	var failed error
	for _, m := range mounts {
		root := m.Mountpoint == "/"
		if !root && (slices.Contains(pseudo, m.Fstype) || in.mounts.MatchString(m.Mountpoint) || devices[m.Device]) {
			continue // also the second mount of a device, such as a bind mount
		}
		if info, err := os.Stat(m.Mountpoint); err != nil || !info.IsDir() {
			continue
		}
		if root && devices["/"] {
			continue
		}
		devices[m.Device], devices["/"] = true, devices["/"] || root
		failed = errors.Join(failed, in.fileSystem(m.Mountpoint))
	}
	return failed
}

func (in *Input) fileSystem(mount string) error {
	u, err := disk.Usage(mount)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("measure file system %s: %w", mount, err)
	}
	where := dim{"fs", mount}
	measure := func(kind, unit string, total, free, used float64) {
		if total == 0 {
			return
		}
		for _, part := range []struct {
			name  string
			value float64
		}{{"free", free}, {"used", used}, {"reserved", max(total-free-used, 0)}} {
			in.gauge("df", "fs_"+kind+"_"+part.name, unit, part.value, where)
			in.gauge("df", "fs_"+kind+"_percent_"+part.name, "%", 100*part.value/total, where)
		}
	}
	measure("space", "B", float64(u.Total), float64(u.Free), float64(u.Used))
	measure("inodes", "", float64(u.InodesTotal), float64(u.InodesFree), float64(u.InodesUsed))
	return nil
}

// disk measures block devices (Linux, Documentation/admin-guide/iostats.rst).
func (in *Input) disk() error {
	return lines(in.proc("diskstats"), func(f []string) {
		if len(f) < 14 || in.disks.MatchString(f[2]) {
			return
		}
		dev := dim{"device", f[2]}
		for _, side := range []struct {
			name  string
			first int
		}{{"read", 3}, {"write", 7}} {
			ops, ok := in.perSecond("disk_ops_"+side.name, number(f, side.first), []dim{dev})
			if ok {
				in.send("disk", "disk_ops_"+side.name, "1/s", "derive", ops, []dim{dev})
			}
			in.rate("disk", "disk_merged_"+side.name, "1/s", number(f, side.first+1), dev)
			in.rate("disk", "disk_octets_"+side.name, "B/s", number(f, side.first+2)*512, dev)
			if busy, known := in.perSecond("disk_time_"+side.name, number(f, side.first+3), []dim{dev}); known && ok {
				mean := 0.0 // milliseconds an operation took
				if ops > 0 {
					mean = busy / ops
				}
				in.send("disk", "disk_time_"+side.name, "ms", "derive", mean, []dim{dev})
			}
		}
		in.gauge("disk", "disk_pending_operations", "", number(f, 11), dev)
		in.rate("disk", "disk_io_time", "ms/s", number(f, 12), dev)
		in.rate("disk", "disk_weighted_io_time", "ms/s", number(f, 13), dev)
	})
}

// netlink measures interfaces (proc(5), /proc/net/dev; sysfs for the kinds of
// errors).
func (in *Input) netlink() error {
	return lines(in.proc("net", "dev"), func(f []string) {
		name, first, ok := strings.Cut(f[0], ":")
		if !ok || in.ifaces.MatchString(name) {
			return
		}
		counters := f[1:]
		if first != "" { // no blank after the colon
			counters = append([]string{first}, counters...)
		}
		if len(counters) < 16 {
			return
		}
		iface := dim{"interface", name}
		for i, metric := range []string{"if_octets", "if_packets", "if_errors", "if_dropped"} {
			unit := "1/s"
			if i == 0 {
				unit = "B/s"
			}
			in.rate("netlink", metric+"_rx", unit, number(counters, i), iface)
			in.rate("netlink", metric+"_tx", unit, number(counters, 8+i), iface)
		}
		in.rate("netlink", "if_multicast", "1/s", number(counters, 7), iface)
		in.rate("netlink", "if_collisions", "1/s", number(counters, 13), iface)
		in.errorKinds(iface)
	})
}

func (in *Input) errorKinds(iface dim) {
	if in.opt.Proc != "/proc" {
		return
	}
	for _, kind := range []string{
		"rx_crc", "rx_fifo", "rx_frame", "rx_length", "rx_missed", "rx_over",
		"tx_aborted", "tx_carrier", "tx_fifo", "tx_heartbeat", "tx_window",
	} {
		path := filepath.Join("/sys/class/net", iface.value, "statistics", kind+"_errors")
		_ = lines(path, func(f []string) { // not every device has them all
			in.rate("netlink", "if_errors_"+kind, "1/s", number(f, 0), iface)
		})
	}
}

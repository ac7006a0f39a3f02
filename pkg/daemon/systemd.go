package daemon

import (
	"net"
	"os"
	"strconv"
	"time"
)

// notifySystemd tells the service manager about a change of state. Without one
// it does nothing; a lost datagram is the manager's loss.
func notifySystemd(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' {
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}

// newWatchdog ticks twice per watchdog period of the service manager; without a
// watchdog it never does.
func newWatchdog() *time.Ticker {
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 1 {
		return time.NewTicker(time.Duration(usec) * time.Microsecond / 2)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

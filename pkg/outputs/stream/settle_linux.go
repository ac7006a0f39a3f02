package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Settle waits until the far side's kernel has acknowledged everything written
// to conn, and reports an error when the far side has closed or reset it. It is
// as near to a confirmation as a protocol without answers comes: what it does
// not cover is what a dying far side leaves unread.
func Settle(ctx context.Context, conn net.Conn) error {
	raw := rawConn(conn)
	if raw == nil {
		return nil
	}
	wait := 20 * time.Microsecond
	for {
		unsent, err := outstanding(raw)
		if err == nil {
			err = closed(raw)
		}
		if err != nil || unsent == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Millisecond)
	}
}

// gone reports whether the far side has closed or reset an idle connection.
func gone(conn net.Conn) bool {
	raw := rawConn(conn)
	return raw != nil && closed(raw) != nil
}

func rawConn(conn net.Conn) syscall.RawConn {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// outstanding returns how many written bytes the far side has not acknowledged.
func outstanding(raw syscall.RawConn) (n int, err error) {
	if e := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); e != nil {
		return 0, e
	}
	return n, err
}

// closed looks, without taking anything, whether the far side has ended the
// connection.
func closed(raw syscall.RawConn) error {
	var n int
	var err error
	e := raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err = unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	switch {
	case e != nil:
		return e
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	return nil
}

// Refused reports an error that the network sent back for an earlier datagram of
// conn: nobody listens there, or there is no way there.
func Refused(conn net.Conn) error {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return err
	}
	var code int
	e := raw.Control(func(fd uintptr) { code, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) })
	switch {
	case e != nil:
		return e
	case err != nil:
		return err
	case code != 0:
		return unix.Errno(code)
	}
	return nil
}

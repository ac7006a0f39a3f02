package crash

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Link is what stands between two daemons: it forwards connections, as a
// balancer does, and can drop them, refuse new ones, or forward nothing for a
// while. All methods may be called from any goroutine.
type Link struct {
	to string

	mu      sync.Mutex
	l       net.Listener
	addr    string
	conns   map[net.Conn]struct{}
	stalled chan struct{} // closed when bytes flow; nil: they do
}

// NewLink listens at an address and forwards to another.
func NewLink(at, to string) (*Link, error) {
	k := &Link{to: to, addr: at, conns: map[net.Conn]struct{}{}}
	return k, k.listen()
}

func (k *Link) listen() error {
	l, err := net.Listen("tcp", k.addr)
	if err != nil {
		return fmt.Errorf("listen as link: %w", err)
	}
	k.mu.Lock()
	k.l, k.addr = l, l.Addr().String()
	k.mu.Unlock()
	go k.accept(l)
	return nil
}

// Address is where it listens.
func (k *Link) Address() string { return k.addr }

// Move lets it listen at another address of this machine, at any port.
func (k *Link) Move(host string) error {
	k.Close()
	k.addr = net.JoinHostPort(host, "0")
	return k.listen()
}

func (k *Link) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go k.serve(c)
	}
}

func (k *Link) serve(from net.Conn) {
	defer from.Close()
	to, err := net.DialTimeout("tcp", k.to, 2*time.Second)
	if err != nil {
		return
	}
	defer to.Close()
	k.mu.Lock()
	k.conns[from], k.conns[to] = struct{}{}, struct{}{}
	k.mu.Unlock()
	done := make(chan struct{}, 2)
	go func() { k.copy(to, from); done <- struct{}{} }()
	go func() { k.copy(from, to); done <- struct{}{} }()
	<-done
	_ = from.Close()
	_ = to.Close()
	<-done
	k.mu.Lock()
	delete(k.conns, from)
	delete(k.conns, to)
	k.mu.Unlock()
}

func (k *Link) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		k.mu.Lock()
		stalled := k.stalled
		k.mu.Unlock()
		if stalled != nil {
			<-stalled
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Drop cuts all connections; new ones are taken.
func (k *Link) Drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // what is in the kernel goes too
		}
		_ = c.Close()
	}
}

// Stall forwards nothing for d, in either direction.
func (k *Link) Stall(d time.Duration) {
	stalled := make(chan struct{})
	k.mu.Lock()
	k.stalled = stalled
	k.mu.Unlock()
	time.Sleep(d)
	k.mu.Lock()
	k.stalled = nil
	k.mu.Unlock()
	close(stalled)
}

// Restart drops all connections and refuses new ones for d.
func (k *Link) Restart(d time.Duration) error {
	k.Close()
	time.Sleep(d)
	var err error
	for range 100 {
		if err = k.listen(); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// Close ends it.
func (k *Link) Close() {
	k.mu.Lock()
	_ = k.l.Close()
	k.mu.Unlock()
	k.Drop()
}

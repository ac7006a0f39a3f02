package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"time"
)

// Net is a network namespace for a daemon, joined with this machine by one
// pair of interfaces that can be made slow, lossy or dead.
type Net struct {
	name, veth  string
	Here, There string // the addresses of the two ends
}

// NewNet makes the namespace. It needs root, ip and tc.
func NewNet(ctx context.Context) (n *Net, err error) {
	for range 20 { // the name may be taken, by another run
		if n, err = newNet(ctx, rand.IntN(1<<15)); err == nil {
			break
		}
	}
	return n, err
}

func newNet(ctx context.Context, tag int) (*Net, error) {
	n := &Net{
		// Monitoring passes over interfaces with such a name: this one will not stay.
		name: fmt.Sprintf("crash%d", tag), veth: fmt.Sprintf("vethcr%d", tag),
		Here:  fmt.Sprintf("10.%d.%d.%d", 212+tag>>14&1, tag>>6&255, tag&63<<2|1),
		There: fmt.Sprintf("10.%d.%d.%d", 212+tag>>14&1, tag>>6&255, tag&63<<2|2),
	}
	if err := call(ctx, "ip", "netns", "add", n.name); err != nil {
		return nil, err
	}
	for _, words := range [][]string{
		{"ip", "link", "add", n.veth, "type", "veth", "peer", "name", "eth0", "netns", n.name},
		{"ip", "addr", "add", n.Here + "/30", "dev", n.veth},
		{"ip", "link", "set", n.veth, "up"},
		{"ip", "-n", n.name, "addr", "add", n.There + "/30", "dev", "eth0"},
		{"ip", "-n", n.name, "link", "set", "eth0", "up"},
		{"ip", "-n", n.name, "link", "set", "lo", "up"},
	} {
		if err := call(ctx, words...); err != nil {
			n.Close()
			return nil, err
		}
	}
	return n, nil
}

// impairments are what makes a network bad, best first: kernels differ in what
// they can. The second has a queue of four packets: it is slow and loses much.
func impairments() [][]string {
	return [][]string{
		{"netem", "delay", "20ms", "15ms", "loss", "10%", "duplicate", "5%", "reorder", "20%"},
		{"tbf", "rate", "4mbit", "burst", "3000", "limit", "6000"},
	}
}

func call(ctx context.Context, words ...string) error {
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %v: %w: %s", words, err, out)
	}
	return nil
}

// Enter is the beginning of a command line that runs in the namespace.
func (n *Net) Enter() []string { return []string{"ip", "netns", "exec", n.name} }

// Close removes the namespace and with it the interfaces.
func (n *Net) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = call(ctx, "ip", "link", "del", n.veth)
	_ = call(ctx, "ip", "netns", "del", n.name)
}

// Cut lets nothing through for d.
func (n *Net) Cut(ctx context.Context, d time.Duration) error {
	if err := call(ctx, "ip", "link", "set", n.veth, "down"); err != nil {
		return err
	}
	pause(ctx, d)
	return call(ctx, "ip", "link", "set", n.veth, "up")
}

// Impair delays and loses packets for d, on the way to the daemon and back.
func (n *Net) Impair(ctx context.Context, d time.Duration) error {
	ends := [][]string{{"tc"}, {"tc", "-n", n.name}}
	devs := []string{n.veth, "eth0"}
	for i, tc := range ends {
		var err error
		for _, how := range impairments() {
			if err = call(ctx, slices.Concat(tc, []string{"qdisc", "replace", "dev", devs[i], "root"}, how)...); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
	}
	pause(ctx, d)
	var errs []error
	for i, tc := range ends {
		errs = append(errs, call(ctx, slices.Concat(tc, []string{"qdisc", "del", "dev", devs[i], "root"})...))
	}
	return errors.Join(errs...)
}

package demo

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

const (
	linesPerSecond = 20
	maxLog         = 16 << 20 // a log is begun anew at this size, in bytes
)

// generator writes the logs of a web shop and of two OpenStack services, as the
// real ones look.
type generator struct {
	failing func() bool
	files   map[string]*os.File
	dir     string
}

func newGenerator(dir string, failing func() bool) (*generator, error) {
	g := &generator{failing: failing, dir: dir, files: map[string]*os.File{}}
	for _, name := range []string{"shop/access.log", "nova/nova-api.log", "keystone/keystone.log"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, fmt.Errorf("make the log folder: %w", err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		g.files[name] = f
	}
	return g, nil
}

// run writes lines until ctx is done.
func (g *generator) run(ctx context.Context) error {
	defer func() {
		for _, f := range g.files {
			_ = f.Close()
		}
	}()
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			if err := g.write(now); err != nil {
				return err
			}
		}
	}
}

func (g *generator) write(now time.Time) error {
	var shop, nova, keystone bytes.Buffer
	for range linesPerSecond / 4 {
		g.request(&shop, now)
	}
	record(&nova, now, "nova", "nova.osapi_compute.wsgi.server")
	if rand.IntN(3) == 0 {
		record(&keystone, now, "keystone", "keystone.middleware.auth")
	}
	for name, text := range map[string]*bytes.Buffer{"shop/access.log": &shop, "nova/nova-api.log": &nova, "keystone/keystone.log": &keystone} {
		f := g.files[name]
		if info, err := f.Stat(); err == nil && info.Size() > maxLog {
			if err := f.Truncate(0); err != nil {
				return fmt.Errorf("begin log anew: %w", err)
			}
		}
		if _, err := f.Write(text.Bytes()); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
	}
	return nil
}

func pick(words ...string) string { return words[rand.IntN(len(words))] }

// request is one line of the shop's access log.
func (g *generator) request(b *bytes.Buffer, now time.Time) {
	method, status := pick("GET", "GET", "GET", "GET", "POST"), 200
	seconds := 0.02 + rand.ExpFloat64()*0.06
	switch {
	case g.failing() && rand.IntN(10) < 4:
		status, seconds = []int{500, 502, 503}[rand.IntN(3)], seconds*8
	case rand.IntN(40) == 0:
		status = 404
	case rand.IntN(20) == 0:
		status = 304
	}
	fmt.Fprintf(b, "10.0.%d.%d - - [%s] \"%s %s HTTP/1.1\" %d %d \"-\" \"%s\" %.3f\n", rand.IntN(4), 1+rand.IntN(250),
		now.Format("02/Jan/2006:15:04:05 -0700"), method, pick("/", "/basket", "/checkout", "/search?q=bell", "/static/shop.css"),
		status, 200+rand.IntN(9000), pick("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "curl/8.5.0", "ShopApp/3.2"), seconds)
}

// record is one record of an OpenStack log.
func record(b *bytes.Buffer, now time.Time, service, module string) {
	level := "INFO"
	if rand.IntN(60) == 0 {
		level = "WARNING"
	}
	fmt.Fprintf(b, "%s %d %s %s [req-%08x-4e5f-4a6b-8c7d-%012x - - - - -] 10.0.0.%d \"GET /v2.1/servers/detail HTTP/1.1\" status: 200 len: %d time: %.4f %s\n",
		now.UTC().Format("2006-01-02 15:04:05.000"), 1200+len(service), level, module, rand.Uint32(), rand.Uint64()>>16,
		1+rand.IntN(250), 900+rand.IntN(4000), 0.05+rand.Float64()/4, "")
}

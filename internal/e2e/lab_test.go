package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/e2e"
	"github.com/tocsin-lma/tocsin/internal/testserver"
)

// patience is how long a test waits for what must come.
const patience = 90 * time.Second

// lab is the three daemons with their servers.
type lab struct {
	t                   *testing.T
	dir, site           string
	logs, metrics, aggr *e2e.Daemon
	admin               map[string]string // admin addresses by role
	collectd            string            // URL of the collectd input
	events              *sensu
	log                 *os.File
	lines               int
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tocsin-e2e")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/logcollector", "./cmd/metriccollector", "./cmd/aggregator")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build the daemons: %w\n%s", err, out)
	}
	return dir, nil
})

func binaries(t *testing.T) string {
	t.Helper()
	dir, err := build()
	require.NoError(t, err)
	return dir
}

// TestMain removes the built binaries.
func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := build(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// port returns a port that was free a moment ago.
func port(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(testserver.Port(t))
}

// newLab writes the documented model with ports, folders and servers of its own.
// Nothing runs yet.
func newLab(t *testing.T, elasticsearch, influxdb, database string) *lab {
	t.Helper()
	bin := binaries(t)
	l := &lab{t: t, dir: t.TempDir(), admin: map[string]string{}, events: newSensu(t)}
	model, err := e2e.Model(filepath.Join("..", "..", "docs", "three-daemons.md"))
	require.NoError(t, err)
	verdicts, made, collectd := port(t), port(t), port(t)
	model = e2e.Replace(t, model,
		"/tmp/tocsin-lab", l.dir,
		"http://127.0.0.1:9200", elasticsearch,
		"http://127.0.0.1:8086", influxdb,
		"database: lma", "database: "+database,
		"port: 3030", "port: "+l.events.port,
		"host: {interval: 5}", "host: {interval: 1}\n    heka_collectd: {port: "+collectd+"}\n    heka_metric: {port: "+made+"}",
	)
	// what the documented model leaves to the defaults
	ports := fmt.Sprintf("log_collector:\n  output: {metric_collector: {port: %s}}\n"+
		"metric_collector:\n  output: {aggregator: {port: %s}}\n"+
		"aggregator:\n  input: {heka_metric: {port: %s}}\n", made, verdicts, verdicts)
	l.site = filepath.Join(l.dir, "site.yml")
	require.NoError(t, os.WriteFile(l.site, []byte(model), 0o600))
	local := filepath.Join(l.dir, "ports.yml")
	require.NoError(t, os.WriteFile(local, []byte(ports), 0o600))
	l.collectd = "http://127.0.0.1:" + collectd
	require.NoError(t, os.Mkdir(filepath.Join(l.dir, "logs"), 0o750))
	l.log, err = os.Create(filepath.Join(l.dir, "logs", "access.log"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.log.Close() })
	daemon := func(name string) *e2e.Daemon {
		l.admin[name] = "127.0.0.1:" + port(t)
		return e2e.NewDaemon(t, filepath.Join(bin, name), l.dir, "--config", l.site, "--config", local,
			"--data-dir", filepath.Join(l.dir, name), "--admin", l.admin[name])
	}
	l.logs, l.metrics, l.aggr = daemon("logcollector"), daemon("metriccollector"), daemon("aggregator")
	return l
}

// start starts a daemon and waits until it is ready.
func (l *lab) start(d *e2e.Daemon) {
	l.t.Helper()
	d.Start()
	name := filepath.Base(d.Binary)
	l.eventually(name+" is ready", func() bool { return get(l.admin[name], "/readyz", nil) == http.StatusOK })
}

func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	require.Eventually(l.t, ok, patience, 100*time.Millisecond, "in vain: %s", what)
}

// get asks a daemon and decodes its answer into v unless v is nil. 0: no answer.
func get(address, path string, v any) int {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || v != nil && json.Unmarshal(body, v) != nil {
		return 0
	}
	return resp.StatusCode
}

// write appends n requests to the site's log; each has a number of its own.
func (l *lab) write(n, status int) {
	l.t.Helper()
	var b bytes.Buffer
	for range n {
		l.lines++
		fmt.Fprintf(&b, "203.0.113.9 - - [%s] \"GET /item/%d HTTP/1.1\" %d 512 \"-\" \"lab\" 0.012\n",
			time.Now().UTC().Format("02/Jan/2006:15:04:05 +0000"), l.lines, status)
	}
	_, err := l.log.Write(b.Bytes())
	require.NoError(l.t, err)
}

// sample posts one value as collectd does, again and again until it is accepted.
func (l *lab) sample(i int) {
	l.t.Helper()
	body := fmt.Sprintf(`[{"values":[%d],"dstypes":["gauge"],"dsnames":["value"],"time":%d.000,"interval":1,"host":"lab-node",`+
		`"plugin":"users","plugin_instance":"","type":"users","type_instance":""}]`, i, firstSample+i)
	l.eventually("a sample is accepted", func() bool {
		client := http.Client{Timeout: 10 * time.Second}
		resp, err := client.Post(l.collectd, "application/json", strings.NewReader(body))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// firstSample is the time of the first sample.
const firstSample = 1700000000

// clusterStatus is what the aggregator's API says of a cluster; "" if nothing.
func (l *lab) clusterStatus(name string) string {
	var c struct {
		Status json.RawMessage `json:"status"`
	}
	if get(l.admin["aggregator"], "/api/v1/clusters/"+name, &c) != http.StatusOK {
		return ""
	}
	return strings.ToUpper(strings.Trim(string(c.Status), `"`))
}

// sensu is a client socket: it keeps the last event by check and source.
type sensu struct {
	port string
	mu   sync.Mutex
	last map[string]sensuEvent
	bad  []string
}

type sensuEvent struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Output string `json:"output"`
	Status int    `json:"status"`
}

func newSensu(t *testing.T) *sensu {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &sensu{port: strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port), last: map[string]sensuEvent{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read(conn)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return s
}

func (s *sensu) read(conn net.PacketConn) {
	buf := make([]byte, 1500) // what Sensu reads at most
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var e sensuEvent
		err = json.Unmarshal(buf[:n], &e)
		s.mu.Lock()
		if err != nil || e.Name == "" || e.Output == "" {
			s.bad = append(s.bad, string(buf[:n])) // would stop a real agent's listener
		} else {
			s.last[e.Name] = e
		}
		s.mu.Unlock()
	}
}

// event returns the last event of a check.
func (s *sensu) event(name string) (sensuEvent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.last[name]
	return e, ok
}

func (s *sensu) malformed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

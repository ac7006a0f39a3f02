package crash

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Sink stores documents of Elasticsearch bulk requests and points of InfluxDB
// writes, by the number in "seq=NNN" and by their id, and misbehaves on demand.
// All methods may be called from any goroutine.
type Sink struct {
	addr string
	seed maphash.Seed

	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]struct{}
	ids   map[int]uint64 // by number: hash of the id it was first stored or refused under; 0: not yet
	lines int            // different numbers that are no values
	// refuse, if not nil, says which numbers are refused for good, with status 400.
	refuse func(n int) bool
	count  Count
	mood   mood
	until  time.Time // of the mood
}

// Count is what the sink has seen.
type Count struct {
	Stored   int // records, each counted once
	Repeated int // stored before under the same id
	Doubled  int // stored before under another id
	Unknown  int // without a number
	Refused  int // refused for good, each counted once
}

// mood is how the sink answers.
type mood int

const (
	fine     mood = iota
	failing       // 503 before anything is stored
	busy          // 429 with Retry-After
	hangUp        // stores everything and closes the connection without an answer
	half          // refuses some of the items with 429
	hanging       // answers only when the mood is over
	slow          // answers after a while
	halfBody      // answers, and closes in the middle of the answer
)

// NewSink listens on a free port of an address of this machine.
func NewSink(host string) (*Sink, error) {
	s := &Sink{seed: maphash.MakeSeed(), conns: map[net.Conn]struct{}{}, ids: map[int]uint64{}, addr: net.JoinHostPort(host, "0")}
	return s, s.listen()
}

func (s *Sink) listen() error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen as sink: %w", err)
	}
	s.mu.Lock()
	s.l, s.addr = l, l.Addr().String()
	s.mu.Unlock()
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: func(c net.Conn, st http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch st {
		case http.StateNew:
			s.conns[c] = struct{}{}
		case http.StateClosed, http.StateHijacked:
			delete(s.conns, c)
		case http.StateActive, http.StateIdle:
		}
	}}
	go func() { _ = srv.Serve(l) }()
	return nil
}

// Address is where it listens, host:port, also while it refuses.
func (s *Sink) Address() string { return s.addr }

// Close ends it.
func (s *Sink) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.l.Close()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Restart cuts all connections and refuses new ones for d; what was stored stays.
func (s *Sink) Restart(d time.Duration) error {
	s.Close()
	time.Sleep(d)
	var err error
	for range 100 {
		if err = s.listen(); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// Be makes it misbehave for d.
func (s *Sink) Be(m mood, d time.Duration) {
	s.mu.Lock()
	s.mood, s.until = m, time.Now().Add(d)
	s.mu.Unlock()
}

// Count returns what was seen so far.
func (s *Sink) Count() Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Missing is how many of the records 0 to written-1 have not arrived. There are no
// others, but for values.
func (s *Sink) Missing(written int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return written - s.lines
}

func (s *Sink) now() (mood, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := time.Until(s.until)
	if left <= 0 {
		return fine, 0
	}
	return s.mood, left
}

// ServeHTTP is the server's side.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	body, err := readBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method != http.MethodPost {
		_, _ = io.WriteString(w, `{"name":"sink","cluster_name":"sink","version":{"number":"8.14.0","build_flavor":"default"},"acknowledged":true}`)
		return
	}
	m, left := s.now()
	switch m {
	case failing:
		http.Error(w, `{"status":503}`, http.StatusServiceUnavailable)
		return
	case busy:
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"status":429}`, http.StatusTooManyRequests)
		return
	case hanging:
		pause(r.Context(), left)
	case slow:
		pause(r.Context(), min(left, 100*time.Millisecond))
	case fine, hangUp, half, halfBody:
	}
	answer := s.store(r.URL.Path, body, m == half)
	switch m {
	case hangUp:
		hijack(w, nil)
	case halfBody:
		hijack(w, []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"+`{"took":1,"err`))
	default:
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write(answer)
	}
}

// hijack writes raw bytes and closes the connection.
func hijack(w http.ResponseWriter, raw []byte) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	c, _, err := h.Hijack()
	if err != nil {
		return
	}
	_, _ = c.Write(raw)
	_ = c.Close()
}

func readBody(r *http.Request) ([]byte, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = z
	}
	return io.ReadAll(body)
}

// store takes a request and returns the answer; nil is 204.
func (s *Sink) store(path string, body []byte, half bool) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasSuffix(path, "/_bulk") {
		for line := range bytes.Lines(body) {
			if key, err := pointKey(line); err == nil {
				s.keep(line, key)
			}
		}
		return nil
	}
	var items []string
	errs := false
	for len(body) > 0 {
		action, rest, _ := bytes.Cut(body, []byte{'\n'})
		doc, after, _ := bytes.Cut(rest, []byte{'\n'})
		body = after
		if len(bytes.TrimSpace(action)) == 0 {
			continue
		}
		status := http.StatusTooManyRequests
		if !half || rand.IntN(3) > 0 {
			status = s.keep(doc, identity(action))
		}
		errs = errs || status >= 300
		items = append(items, fmt.Sprintf(`{"create":{"_id":"1","status":%d%s}}`, status,
			map[bool]string{true: `,"error":{"type":"refused","reason":"by the sink"}`}[status >= 300]))
	}
	return fmt.Appendf(nil, `{"took":1,"errors":%t,"items":[%s]}`, errs, strings.Join(items, ","))
}

// keep stores a record under its id and returns the status of the item.
func (s *Sink) keep(record []byte, id string) int {
	_, after, found := bytes.Cut(record, []byte("seq"))
	after = bytes.TrimLeft(after, `\=`) // line protocol escapes an equals sign in a tag
	n, digits := 0, 0
	for digits < len(after) && after[digits] >= '0' && after[digits] <= '9' && digits < 10 {
		n = n*10 + int(after[digits]-'0')
		digits++
	}
	if found && digits > 0 && n < firstValue && s.ids[n] == 0 {
		s.lines++
	}
	if !found || digits == 0 {
		s.count.Unknown++
		return http.StatusCreated
	}
	hash := maphash.String(s.seed, id) | 1
	if s.refuse != nil && s.refuse(n) {
		if s.ids[n] == 0 {
			s.ids[n] = hash
			s.count.Refused++
		}
		return http.StatusBadRequest
	}
	switch {
	case s.ids[n] == 0:
		s.ids[n] = hash
		s.count.Stored++
	case id != "" && s.ids[n] == hash:
		s.count.Repeated++
		return http.StatusConflict
	default:
		s.count.Doubled++
	}
	return http.StatusCreated
}

// identity is what makes two documents the same: index and id, as the same id in
// another index is another document.
func identity(action []byte) string {
	id := text(action, `"_id"`)
	if id == "" {
		return ""
	}
	return text(action, `"_index"`) + "/" + id
}

// text returns the string value of a member of a flat JSON object.
func text(object []byte, name string) string {
	_, after, ok := bytes.Cut(object, []byte(name))
	if !ok {
		return ""
	}
	_, after, _ = bytes.Cut(after, []byte{'"'})
	value, _, _ := bytes.Cut(after, []byte{'"'})
	return string(value)
}

var errNoPoint = errors.New("no point of line protocol")

// pointKey is what makes a point of line protocol the same: series and time.
func pointKey(line []byte) (string, error) {
	line = bytes.TrimSpace(line)
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first < 0 || first == last {
		return "", errNoPoint
	}
	return string(line[:first]) + string(line[last:]), nil
}

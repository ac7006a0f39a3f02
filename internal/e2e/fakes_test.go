package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakes are an Elasticsearch and an InfluxDB that remember. Like the real ones
// they know a document by its id, and a point by series and time.
type fakes struct {
	es, influx *httptest.Server
	mu         sync.Mutex
	docs       map[string]document
	points     map[string]string // series and time -> fields
}

func newFakes(t *testing.T) *fakes {
	t.Helper()
	f := &fakes{docs: map[string]document{}, points: map[string]string{}}
	f.es = httptest.NewServer(http.HandlerFunc(f.serveES))
	f.influx = httptest.NewServer(http.HandlerFunc(f.serveInflux))
	t.Cleanup(f.es.Close)
	t.Cleanup(f.influx.Close)
	return f
}

func (f *fakes) serveES(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		_, _ = w.Write([]byte(`{"version":{"number":"7.17.29"},"acknowledged":true}`))
		return
	}
	var items []string
	in := bufio.NewScanner(r.Body)
	in.Buffer(nil, 8<<20)
	f.mu.Lock()
	defer f.mu.Unlock()
	for in.Scan() {
		var action map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
		if json.Unmarshal(in.Bytes(), &action) != nil || len(action) != 1 || !in.Scan() {
			http.Error(w, `{"error":"malformed"}`, http.StatusBadRequest)
			return
		}
		var doc struct {
			URL    string  `json:"http_url"`
			Status float64 `json:"http_status"`
		}
		_ = json.Unmarshal(in.Bytes(), &doc)
		for verb, a := range action {
			status := http.StatusCreated
			if _, known := f.docs[a.ID]; known {
				status = http.StatusConflict
			} else {
				f.docs[a.ID] = document{ID: a.ID, URL: doc.URL, Status: doc.Status, Index: a.Index}
			}
			items = append(items, fmt.Sprintf(`{%q:{"_index":%q,"_id":%q,"status":%d}}`, verb, a.Index, a.ID, status))
		}
	}
	_, _ = fmt.Fprintf(w, `{"took":1,"errors":false,"items":[%s]}`, strings.Join(items, ","))
}

func (f *fakes) serveInflux(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/write" {
		_, _ = w.Write([]byte(`{"results":[{}]}`))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	in := bufio.NewScanner(r.Body)
	in.Buffer(nil, 8<<20)
	for in.Scan() {
		// no tag of these tests holds a blank
		parts := strings.Split(in.Text(), " ")
		if len(parts) < 3 {
			http.Error(w, `{"error":"unable to parse"}`, http.StatusBadRequest)
			return
		}
		f.points[parts[0]+" "+parts[len(parts)-1]] = parts[1]
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakes) stores() stores {
	return stores{
		elasticsearch: f.es.URL, influxdb: f.influx.URL, database: "lma",
		documents: func(*testing.T) []document {
			f.mu.Lock()
			defer f.mu.Unlock()
			out := make([]document, 0, len(f.docs))
			for _, d := range f.docs {
				out = append(out, d)
			}
			return out
		},
		samples:    func(*testing.T) []float64 { return f.samples() },
		hostPoints: func(*testing.T) int { return len(f.matching("cpu_idle,")) },
	}
}

// matching returns the points of a measurement, by time.
func (f *fakes) matching(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for key := range f.points {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i][strings.LastIndexByte(keys[i], ' '):] < keys[j][strings.LastIndexByte(keys[j], ' '):]
	})
	return keys
}

func (f *fakes) samples() []float64 {
	var out []float64
	for _, key := range f.matching("logged_users,") {
		if !strings.Contains(key, "hostname=lab-node") {
			continue
		}
		f.mu.Lock()
		fields := f.points[key]
		f.mu.Unlock()
		v, err := strconv.ParseFloat(strings.TrimPrefix(fields, "value="), 64)
		if err == nil {
			out = append(out, v)
		}
	}
	return out
}

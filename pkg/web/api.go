package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// streamInterval is how often a stream says that it lives; pages refresh then.
const streamInterval = 5 * time.Second

func (s *server) apiClusters(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, s.clusters())
}

func (s *server) apiNodes(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.State.Nodes()) }

func (s *server) apiMembers(w http.ResponseWriter, r *http.Request) {
	members := s.State.Members
	if host := r.URL.Query().Get("host"); host != "" {
		members = func() []store.MemberState { return s.State.MembersOf(host) }
	}
	out := members()
	if out == nil {
		out = []store.MemberState{}
	}
	writeJSON(w, out)
}

func (s *server) apiCluster(w http.ResponseWriter, r *http.Request) {
	c, ok := s.find(r.PathValue("name"))
	if !ok {
		writeError(w, http.StatusNotFound, fmt.Errorf("there is no cluster %q", r.PathValue("name")))
		return
	}
	writeJSON(w, c)
}

// clusters returns the newest verdicts, worst first. One that is too old is
// UNKNOWN if it said OKAY, and is left out if the model has no such cluster any
// more.
func (s *server) clusters() []store.ClusterState {
	out := s.State.Clusters()
	kept := out[:0]
	for _, c := range out {
		if age := s.Now().Sub(c.At); age > verdictTTL {
			interval, known := s.Evaluator.Interval(c.Name)
			if !known {
				continue
			}
			if c.Status == health.Okay && age > max(verdictTTL, interval+verdictGrace) {
				c.Status = health.Unknown
			}
		}
		kept = append(kept, c)
	}
	slices.SortStableFunc(kept, func(a, b store.ClusterState) int { return attention(b.Status) - attention(a.Status) })
	return kept
}

func (s *server) find(name string) (store.ClusterState, bool) {
	for _, c := range s.clusters() {
		if c.Name == name {
			return c, true
		}
	}
	return store.ClusterState{}, false
}

func parseTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write 2006-01-02T15:04:05Z or Unix seconds", text)
}

func (s *server) apiEvents(w http.ResponseWriter, r *http.Request) {
	q, err := eventQuery(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	events, err := s.History.Events(q)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	if events == nil {
		events = []store.Event{}
	}
	writeJSON(w, events)
}

func eventQuery(r *http.Request) (store.Query, error) {
	v := r.URL.Query()
	q := store.Query{Kind: store.Kind(v.Get("kind")), Name: v.Get("name"), Host: v.Get("host"), Oldest: v.Get("order") == "oldest"}
	for key, dst := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if text := v.Get(key); text != "" {
			t, err := parseTime(text)
			if err != nil {
				return q, fmt.Errorf("%s: %w", key, err)
			}
			*dst = t
		}
	}
	if text := v.Get("after"); text != "" {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return q, fmt.Errorf("after: %q is not an event's number", text)
		}
		q.After = id
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return q, fmt.Errorf("limit: %q is not a number from 1 to 10000", text)
		}
		q.Limit = n
	}
	return q, nil
}

// apiStream sends server-sent events: "event" for a change of a status, "tick"
// every few seconds.
func (s *server) apiStream(w http.ResponseWriter, r *http.Request) {
	events, stop := s.History.Watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	t := time.NewTicker(streamInterval)
	defer t.Stop()
	send := func(kind string, v any) bool {
		data, err := json.Marshal(v)
		if err != nil {
			return false
		}
		_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, data)
		return err == nil && control.Flush() == nil
	}
	ok := send("tick", s.Now())
	for ok {
		select {
		case <-r.Context().Done():
			return
		case e := <-events:
			ok = send("event", e)
		case <-t.C:
			ok = send("tick", s.Now())
		}
	}
}

func (s *server) apiForget(w http.ResponseWriter, r *http.Request) {
	host, member := r.FormValue("host"), r.FormValue("member")
	if host == "" && member == "" {
		writeError(w, http.StatusBadRequest, errors.New("name a host, a member, or both"))
		return
	}
	writeJSON(w, map[string]int{"forgotten": s.Evaluator.Forget(host, member)})
}

func (s *server) apiFault(w http.ResponseWriter, r *http.Request) {
	for _, f := range s.Faults {
		if f.Name == r.PathValue("name") {
			f.Toggle()
			if r.Header.Get("Accept") == "application/json" {
				writeJSON(w, map[string]bool{"active": f.Active()})
				return
			}
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
	}
	writeError(w, http.StatusNotFound, fmt.Errorf("there is no fault %q", r.PathValue("name")))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client went away; there is nobody to tell
}

func writeError(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// maxExplained bounds how many clusters one explanation descends into.
const maxExplained = 500

// explanation is why a cluster has its status, down through the clusters that
// feed it: now from the evaluator, at an earlier time from the history.
type explanation struct {
	Cluster  string                   `json:"cluster"`
	At       time.Time                `json:"at"`
	Evidence *gse.Evidence            `json:"evidence,omitempty"` // absent when none was kept from then
	Clusters map[string]*gse.Evidence `json:"clusters,omitempty"` // of members that are clusters, at every depth
	Event    *store.Event             `json:"event,omitempty"`    // that was in force at an earlier time
	Past     bool                     `json:"-"`
}

// errUnknown is wrapped by the error about a cluster of which nothing is known.
var errUnknown = errors.New("nothing is known")

func (s *server) apiExplain(w http.ResponseWriter, r *http.Request) {
	name, at := r.PathValue("name"), time.Time{}
	if text := r.URL.Query().Get("at"); text != "" {
		var err error
		if at, err = parseTime(text); err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
	}
	e, err := s.explain(name, at)
	switch {
	case errors.Is(err, errUnknown):
		writeError(w, http.StatusNotFound, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, e)
	}
}

// explain answers for a cluster at a time; zero: now.
func (s *server) explain(name string, at time.Time) (*explanation, error) {
	e := &explanation{Cluster: name, At: at, Past: !at.IsZero()}
	var evidence func(cluster string) (*gse.Evidence, error)
	if at.IsZero() {
		e.At = s.Now()
		evidence = func(cluster string) (*gse.Evidence, error) {
			if ev, ok := s.Evaluator.Explain(cluster, e.At); ok {
				return &ev, nil
			}
			return nil, nil
		}
	} else {
		events, err := s.History.Events(store.Query{Kind: store.Cluster, Name: name, Until: at, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			e.Event = &events[0]
		}
		evidence = func(cluster string) (*gse.Evidence, error) { return s.History.EvidenceAt(cluster, at) }
	}
	var err error
	if e.Evidence, err = evidence(name); err != nil {
		return nil, err
	}
	if e.Evidence == nil && e.Event == nil {
		if at.IsZero() {
			return nil, fmt.Errorf("there is no cluster %q: %w", name, errUnknown)
		}
		return nil, fmt.Errorf("no event of cluster %q is kept from before %s: %w", name, at.Format(time.RFC3339), errUnknown)
	}
	e.Clusters, err = descend(e.Evidence, evidence)
	return e, err
}

// descend collects the evidence of the members of ev that are clusters, and of
// theirs.
func descend(ev *gse.Evidence, evidence func(string) (*gse.Evidence, error)) (map[string]*gse.Evidence, error) {
	if ev == nil {
		return nil, nil
	}
	found, seen := map[string]*gse.Evidence{}, map[string]bool{ev.Cluster: true}
	for open := []*gse.Evidence{ev}; len(open) > 0 && len(found) < maxExplained; open = open[1:] {
		for _, g := range open[0].Groups {
			for _, f := range g.Facts {
				if f.Host != "" || seen[f.Member] {
					continue
				}
				seen[f.Member] = true
				below, err := evidence(f.Member)
				if err != nil {
					return nil, err
				}
				if below != nil {
					found[f.Member] = below
					open = append(open, below)
				}
			}
		}
	}
	return found, nil
}

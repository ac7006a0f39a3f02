package web

import (
	"net/http"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/silence"
)

// silences returns the silences that hold now.
func (s *server) silences() []silence.Silence {
	if s.Silences == nil {
		return nil
	}
	return s.Silences()
}

// silenced returns the silence that lasts longest of those about a cluster, or
// about a member of a host; nil when there is none.
func (s *server) silenced(cluster, member, host string) *silence.Silence {
	var found *silence.Silence
	for _, x := range s.silences() {
		if x.Matches(cluster, member, host) && (found == nil || x.Until.After(found.Until)) {
			found = &x
		}
	}
	return found
}

// silencedHost returns the silence about all that a host says.
func (s *server) silencedHost(host string) *silence.Silence {
	var found *silence.Silence
	for _, x := range s.silences() {
		if x.Member == "" && x.Matches("", "", host) && (found == nil || x.Until.After(found.Until)) {
			found = &x
		}
	}
	return found
}

func (s *server) silencedFact(f *gse.FactEvidence, cluster bool) *silence.Silence {
	if cluster && f.Host == "" {
		return s.silenced(f.Member, "", "")
	}
	return s.silenced("", f.Member, f.Host)
}

func (s *server) silencesPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "silences", "silences", "Silences", http.StatusOK, s.silences())
}

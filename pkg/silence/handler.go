package silence

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Path is where Handler belongs; with a slash and an ID it is one silence.
const Path = "/api/v1/silences"

const maxBody = 64 << 10

// Handler serves the silences as JSON:
//
//	GET    /api/v1/silences       those that hold, soonest end first
//	POST   /api/v1/silences       begin one; a form or an object with cluster,
//	                              member, host, until (RFC 3339), reason, author
//	DELETE /api/v1/silences/{id}  end one
//
// An error is an object with the key error.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.List()) })
	mux.HandleFunc("POST "+Path, s.serveAdd)
	mux.HandleFunc("DELETE "+Path+"/{id}", s.serveRemove)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page of somebody else must not silence this aggregator.
		site := r.Header.Get("Sec-Fetch-Site")
		if r.Method != http.MethodGet && site != "" && site != "same-origin" && site != "none" {
			refuse(w, http.StatusForbidden, errors.New("silences are not for other sites"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

func (s *Store) serveAdd(w http.ResponseWriter, r *http.Request) {
	x, err := readSilence(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	x, err = s.Add(x)
	switch {
	case errors.Is(err, ErrInvalid):
		refuse(w, http.StatusBadRequest, err)
	case errors.Is(err, ErrFull):
		refuse(w, http.StatusConflict, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		answer(w, http.StatusCreated, x)
	}
}

func readSilence(r *http.Request) (Silence, error) {
	var x Silence
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&x); err != nil {
			return x, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		return x, nil
	}
	if err := r.ParseForm(); err != nil {
		return x, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	get := func(key string) string { return strings.TrimSpace(r.PostForm.Get(key)) }
	x = Silence{Cluster: get("cluster"), Member: get("member"), Host: get("host"), Reason: get("reason"), Author: get("author")}
	until, err := time.Parse(time.RFC3339, get("until"))
	if err != nil {
		return x, fmt.Errorf("%w: until is %q; write 2006-01-02T15:04:05Z", ErrInvalid, get("until"))
	}
	x.Until = until
	return x, nil
}

func (s *Store) serveRemove(w http.ResponseWriter, r *http.Request) {
	err := s.Remove(r.PathValue("id"))
	switch {
	case errors.Is(err, ErrUnknown):
		refuse(w, http.StatusNotFound, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		answer(w, http.StatusOK, map[string]string{"removed": r.PathValue("id")})
	}
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client went away; there is nobody to tell
}

func refuse(w http.ResponseWriter, code int, err error) {
	answer(w, code, map[string]string{"error": err.Error()})
}

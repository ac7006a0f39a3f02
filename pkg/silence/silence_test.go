package silence_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/silence"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T) (*silence.Store, *clock, string) {
	t.Helper()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	path := filepath.Join(t.TempDir(), "silences.json")
	s, err := silence.Open(path, c.now)
	require.NoError(t, err)
	return s, c, path
}

func (c *clock) silence(cluster, member, host string, d time.Duration) silence.Silence {
	return silence.Silence{Cluster: cluster, Member: member, Host: host, Until: c.t.Add(d), Reason: "works", Author: "ann"}
}

func TestMatches(t *testing.T) {
	cluster := [3]string{"nova", "", ""}
	alarm := [3]string{"", "cpu", "cmp001"}
	hostless := [3]string{"", "vip", ""}
	for _, c := range []struct {
		s    silence.Silence
		what [3]string
		want bool
	}{
		{silence.Silence{Cluster: "nova"}, cluster, true},
		{silence.Silence{Cluster: "no*"}, cluster, true},
		{silence.Silence{Cluster: "nov"}, cluster, false},
		{silence.Silence{Cluster: "*"}, alarm, false},
		{silence.Silence{Host: "*"}, cluster, false},
		{silence.Silence{Host: "cmp001"}, alarm, true},
		{silence.Silence{Host: "cmp00[2-9]"}, alarm, false},
		{silence.Silence{Host: "cmp*", Member: "disk"}, alarm, false},
		{silence.Silence{Host: "cmp*", Member: "cpu"}, alarm, true},
		{silence.Silence{Member: "vip"}, hostless, true},
		{silence.Silence{}, alarm, false},
	} {
		require.Equal(t, c.want, c.s.Matches(c.what[0], c.what[1], c.what[2]), "%+v on %v", c.s, c.what)
	}
}

func TestSilencesSurviveARestartAndEnd(t *testing.T) {
	s, c, path := open(t)
	long, err := s.Add(c.silence("nova", "", "", time.Hour))
	require.NoError(t, err)
	_, err = s.Add(c.silence("", "", "cmp001", time.Minute))
	require.NoError(t, err)

	s, err = silence.Open(path, c.now)
	require.NoError(t, err)
	list := s.List()
	require.Len(t, list, 2)
	require.Equal(t, "cmp001", list[0].Host, "what ends first is first")
	require.Equal(t, long, list[1])

	c.t = c.t.Add(time.Minute)
	require.Equal(t, []silence.Silence{long}, s.List())
	_, silenced := s.Find("", "cpu", "cmp001")
	require.False(t, silenced)

	require.NoError(t, s.Remove(long.ID))
	require.ErrorIs(t, s.Remove(long.ID), silence.ErrUnknown)
	s, err = silence.Open(path, c.now)
	require.NoError(t, err)
	require.Empty(t, s.List())
}

func TestRefusals(t *testing.T) {
	s, c, _ := open(t)
	for text, x := range map[string]silence.Silence{
		"name a cluster":      c.silence("", "", "", time.Hour),
		"goes alone":          c.silence("nova", "", "cmp001", time.Hour),
		"which is past":       c.silence("nova", "", "", 0),
		"the longest is 366":  c.silence("nova", "", "", 400*24*time.Hour),
		"not a shell pattern": c.silence("nova[", "", "", time.Hour),
		"at most 1000 bytes":  c.silence(strings.Repeat("x", 1001), "", "", time.Hour),
		"reason is missing":   {Cluster: "nova", Until: c.t.Add(time.Hour), Author: "ann"},
		"author is missing":   {Cluster: "nova", Until: c.t.Add(time.Hour), Reason: "works"},
	} {
		_, err := s.Add(x)
		require.ErrorIs(t, err, silence.ErrInvalid)
		require.ErrorContains(t, err, text)
	}
	require.Empty(t, s.List())
}

func TestADamagedFileSilencesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silences.json")
	require.NoError(t, os.WriteFile(path, []byte(`[{"cluster":"no`), 0o600))
	s, err := silence.Open(path, time.Now)
	require.ErrorIs(t, err, silence.ErrDamaged)
	require.Empty(t, s.List())
	require.FileExists(t, path+".damaged")
	_, err = s.Add(silence.Silence{Cluster: "nova", Until: time.Now().Add(time.Hour), Reason: "works", Author: "ann"})
	require.NoError(t, err)
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	c := &clock{time.Now()}
	s, err := silence.Open(filepath.Join(t.TempDir(), "gone", "silences.json"), c.now)
	require.NoError(t, err)
	_, err = s.Add(c.silence("nova", "", "", time.Hour))
	require.ErrorContains(t, err, "write silences")
	require.Empty(t, s.List())
}

func verdict(kind, member, host string) *message.Message {
	m := &message.Message{Type: kind}
	m.AddString("member", member)
	if host != "" {
		m.AddString("hostname", host)
	}
	m.AddBool("alerting_enabled", true)
	return m
}

// texts encodes a verdict as its member and whether it alerts.
type texts struct{}

func (texts) Encode(dst []byte, m *message.Message) ([]byte, error) {
	name, _ := m.Text("member")
	on, _ := m.Text("alerting_enabled")
	return append(dst, name+" "+on+"\n"...), nil
}

func TestWrap(t *testing.T) {
	s, c, _ := open(t)
	_, err := s.Add(c.silence("nova", "", "", time.Hour))
	require.NoError(t, err)
	_, err = s.Add(c.silence("", "cpu", "cmp001", time.Hour))
	require.NoError(t, err)
	verdicts := []*message.Message{
		verdict("heka.sandbox.gse_metric", "nova", ""), verdict("gse_metric", "glance", ""),
		verdict("afd_metric", "cpu", "cmp001"), verdict("afd_metric", "cpu", "cmp002"), verdict("metric", "nova", ""),
	}
	for want, expected := range map[string]string{
		"TRUE":                             "nova false\nglance true\ncpu false\ncpu true\nnova true\n",
		"Fields[alerting_enabled] == TRUE": "glance true\ncpu true\nnova true\n",
	} {
		e := s.Wrap(texts{}, matcher.MustParse(want))
		var out []byte
		for _, m := range verdicts {
			out, err = e.Encode(out, m)
			require.NoError(t, err)
			on, _ := m.Bool("alerting_enabled")
			require.True(t, on, "the verdict itself does not change")
		}
		require.Equal(t, expected, string(out))
	}
	c.t = c.t.Add(time.Hour)
	require.Same(t, verdicts[0], s.Mute(verdicts[0]))
}

func TestHandler(t *testing.T) {
	s, c, _ := open(t)
	h := s.Handler()
	do := func(method, path, kind, body string, header ...string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	form := url.Values{"cluster": {"nova"}, "until": {c.t.Add(time.Hour).Format(time.RFC3339)}, "reason": {"works"}, "author": {"ann"}}.Encode()
	const formType, jsonType = "application/x-www-form-urlencoded", "application/json; charset=utf-8"

	code, _ := do("POST", silence.Path, formType, form, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, code)
	code, body := do("POST", silence.Path, formType, form)
	require.Equal(t, http.StatusCreated, code, body)
	var x silence.Silence
	require.NoError(t, json.Unmarshal([]byte(body), &x))
	require.NotEmpty(t, x.ID)

	code, body = do("POST", silence.Path, jsonType, `{"host":"cmp*","until":"2026-03-01T13:00:00Z","reason":"r","author":"a"}`)
	require.Equal(t, http.StatusCreated, code, body)
	code, body = do("POST", silence.Path, jsonType, `{"hots":"cmp*"}`)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, body, "hots")
	code, body = do("POST", silence.Path, formType, "cluster=nova&until=soon")
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, body, "soon")
	code, _ = do("POST", silence.Path, formType, strings.Repeat("x", 100_000))
	require.Equal(t, http.StatusBadRequest, code)

	_, body = do("GET", silence.Path, "", "")
	var list []silence.Silence
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list, 2)
	code, _ = do("DELETE", silence.Path+"/"+x.ID, "", "")
	require.Equal(t, http.StatusOK, code)
	code, _ = do("DELETE", silence.Path+"/"+x.ID, "", "")
	require.Equal(t, http.StatusNotFound, code)
	require.Len(t, s.List(), 1)
}

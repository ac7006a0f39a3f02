package elasticsearch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/elasticsearch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

var discard = slog.New(slog.DiscardHandler)

func bulk(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "{\"create\":{\"_index\":\"log-2017.03.13\",\"_id\":\"%d\"}}\n{\"Payload\":\"line %d\"}\n", i, i)
	}
	return b
}

// answer writes the outcome that status gives for each item's id and returns
// the ids that were stored.
func answer(w http.ResponseWriter, r *http.Request, body []byte, status func(id string) int) []string {
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		fmt.Fprint(w, `{"acknowledged":true}`)
		return nil
	}
	var items, stored []string
	failed := false
	for _, pair := range batch.Split(body, batch.Bulk) {
		action, _ := batch.Line(pair)
		verb := batch.Action(action)
		id := gjson.GetBytes(action, verb+"._id").String()
		code := status(id)
		text := fmt.Sprintf(`{"%s":{"_id":"%s","status":%d`, verb, id, code)
		if code >= 300 {
			failed = true
			text += fmt.Sprintf(`,"error":{"type":"some_exception","reason":"because %d"}`, code)
		}
		if code < 300 || code == http.StatusConflict {
			stored = append(stored, id)
		}
		items = append(items, text+"}}")
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"took":3,"errors":%t,"items":[%s]}`, failed, strings.Join(items, ","))
	return stored
}

func open(t *testing.T, url string, change func(*elasticsearch.Config)) *elasticsearch.Output {
	t.Helper()
	cfg := elasticsearch.DefaultConfig()
	cfg.Server = url
	cfg.Proxy = "none"
	if change != nil {
		change(&cfg)
	}
	out, err := elasticsearch.New(cfg, discard)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, out.Close()) })
	return out
}

func TestSuite(t *testing.T) {
	for _, zip := range []bool{false, true} {
		t.Run(fmt.Sprintf("gzip %t", zip), func(t *testing.T) {
			suite(zip).Run(t)
		})
		t.Run(fmt.Sprintf("in parts, gzip %t", zip), func(t *testing.T) {
			h := suite(zip)
			whole := h.New
			h.New = func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
				return inParts{whole(t, url, tls).(*elasticsearch.Output)}
			}
			h.Run(t)
		})
	}
}

// inParts sends every item of a batch as a part of its own.
type inParts struct{ out *elasticsearch.Output }

func (p inParts) Send(ctx context.Context, b []byte) error {
	return p.out.SendParts(ctx, batch.Split(b, batch.Bulk))
}

func suite(zip bool) outputtest.HTTP {
	return outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url, func(c *elasticsearch.Config) { c.TLS, c.Gzip = tls, zip })
		},
		Batch: bulk,
		Accept: func(w http.ResponseWriter, r *http.Request, body []byte) []string {
			return answer(w, r, body, func(string) int { return http.StatusCreated })
		},
		Partial: func(w http.ResponseWriter, r *http.Request, body []byte, busy bool) []string {
			return answer(w, r, body, func(id string) int {
				switch {
				case id == "1":
					return http.StatusBadRequest
				case id == "2" && busy:
					return http.StatusTooManyRequests
				case id == "3":
					return http.StatusConflict
				}
				return http.StatusCreated
			})
		},
	}
}

func TestItems(t *testing.T) {
	type outcome struct{ retried, rejected bool }
	for name, c := range map[string]struct {
		verb   string
		status int
		kind   string
		want   outcome
	}{
		"created":             {"create", 201, "", outcome{}},
		"there already":       {"create", 409, "version_conflict_engine_exception", outcome{}},
		"newer version there": {"index", 409, "version_conflict_engine_exception", outcome{}},
		"lost race":           {"update", 409, "version_conflict_engine_exception", outcome{retried: true}},
		"too many requests":   {"create", 429, "es_rejected_execution_exception", outcome{retried: true}},
		"unavailable":         {"create", 503, "unavailable_shards_exception", outcome{retried: true}},
		"disk is full":        {"create", 403, "cluster_block_exception", outcome{retried: true}},
		"does not fit":        {"create", 400, "mapper_parsing_exception", outcome{rejected: true}},
		"no such index":       {"create", 404, "index_not_found_exception", outcome{rejected: true}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"errors":%t,"items":[{"create":{"status":201}},{"%s":{"status":%d,"error":{"type":"%s","reason":"r"}}}]}`,
					c.status > 299, c.verb, c.status, c.kind)
			}))
			defer srv.Close()
			b := []byte("{\"create\":{}}\n{\"a\":1}\n{\"" + c.verb + "\":{}}\n{\"a\":2}\n")
			second := "{\"" + c.verb + "\":{}}\n{\"a\":2}\n"
			err := open(t, srv.URL, nil).Send(t.Context(), b)
			if c.want == (outcome{}) {
				require.NoError(t, err)
				return
			}
			var partial *message.SendError
			require.ErrorAs(t, err, &partial)
			if c.want.retried {
				require.Equal(t, second, string(partial.Retry))
				require.Empty(t, partial.Rejected)
				return
			}
			require.Empty(t, partial.Retry)
			require.Len(t, partial.Rejected, 1)
			require.Equal(t, second, string(partial.Rejected[0].Item))
			require.Contains(t, partial.Rejected[0].Reason, c.kind)
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, text := range []string{
		`{}`, ``, `[]`, `<html>hello</html>`, `{"errors":false`, `{"errors":true,"items":[]}`,
		`{"errors":true,"items":[{"create":{"status":201}}]}`,
		`{"errors":false,` + strings.Repeat(" ", 600),
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }))
		err := open(t, srv.URL, nil).Send(t.Context(), bulk(3))
		if len(text) <= 512 {
			require.Error(t, err, text)
			require.NotErrorIs(t, err, message.ErrPermanent, text)
		}
		srv.Close()
	}
}

// TestTooLarge has the server refuse bodies over a size: the batch is halved.
func TestTooLarge(t *testing.T) {
	var stored []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > 300 && strings.HasSuffix(r.URL.Path, "_bulk") {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		stored = append(stored, answer(w, r, body, func(string) int { return 201 })...)
	}))
	defer srv.Close()
	require.NoError(t, open(t, srv.URL, nil).Send(t.Context(), bulk(40)))
	require.Len(t, stored, 40)
}

func TestAuthorization(t *testing.T) {
	for want, change := range map[string]func(*elasticsearch.Config){
		"Basic dTpw":       func(c *elasticsearch.Config) { c.Username, c.Password = "u", "p" },
		"APIKey aWQ6a2V5":  func(c *elasticsearch.Config) { c.APIKey = "aWQ6a2V5" },
		"Bearer the-token": func(c *elasticsearch.Config) { c.Token = "the-token" },
		"Basic dTpx":       func(c *elasticsearch.Config) { c.Server = strings.Replace(c.Server, "//", "//u:q@", 1) },
	} {
		var got []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get("Authorization"))
			body, _ := io.ReadAll(r.Body)
			answer(w, r, body, func(string) int { return 201 })
		}))
		require.NoError(t, open(t, srv.URL, change).Send(t.Context(), bulk(1)))
		require.Equal(t, []string{want, want}, got)
		srv.Close()
	}
}

func TestTemplate(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		puts   int
		ok     bool
	}{
		{"accepted", 200, 1, true},
		{"not allowed to us", 403, 1, true},
		{"unknown to an old server", 400, 1, true},
		{"server is starting", 503, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			puts, bulks := 0, 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method == http.MethodPut {
					puts++
					require.Equal(t, "/_index_template/tocsin", r.URL.Path)
					require.Equal(t, "log-*", gjson.GetBytes(body, "index_patterns.0").String())
					require.True(t, gjson.GetBytes(body, "data_stream").IsObject())
					w.WriteHeader(c.status)
					return
				}
				bulks++
				answer(w, r, body, func(string) int { return 201 })
			}))
			defer srv.Close()
			out := open(t, srv.URL, func(cfg *elasticsearch.Config) { cfg.DataStream = true })
			for range 2 {
				err := out.Send(t.Context(), bulk(1))
				require.Equal(t, c.ok, err == nil)
			}
			require.Equal(t, c.puts, puts, "templates installed")
			require.Equal(t, c.ok, bulks == 2)
		})
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []elasticsearch.Config{
		{Server: "ftp://host"},
		{Server: "localhost:9200"},
		{TemplateFile: "/no/such/file", Template: true},
	} {
		_, err := elasticsearch.New(c, discard)
		require.Error(t, err)
	}
}

func BenchmarkSend(b *testing.B) {
	reply := []byte(`{"took":3,"errors":false,"items":[` + strings.Repeat(`{"create":{"status":201}},`, 499) + `{"create":{"status":201}}]}`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(reply)
	}))
	defer srv.Close()
	cfg := elasticsearch.DefaultConfig()
	cfg.Server = srv.URL
	out, err := elasticsearch.New(cfg, discard)
	require.NoError(b, err)
	data := bytes.Repeat(bulk(1), 500)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := out.Send(b.Context(), data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEarlyAnswers(t *testing.T) {
	open := func(t *testing.T, url string, tls *tlsconfig.Config) (outputtest.Output, *http.Transport) {
		cfg := elasticsearch.DefaultConfig()
		cfg.Server, cfg.Proxy, cfg.TLS, cfg.Template, cfg.Gzip = url, "none", tls, false, false
		out, err := elasticsearch.New(cfg, discard)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, out.Close()) })
		return out, out.Transport()
	}
	outputtest.EarlyAnswers(t, open, func(size int) []byte {
		return fmt.Appendf(nil, "{\"create\":{\"_id\":\"1\"}}\n{\"Payload\":\"%s\"}\n", strings.Repeat("a", size))
	})
}

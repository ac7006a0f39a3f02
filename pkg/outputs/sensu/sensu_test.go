package sensu_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/sensu"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func results(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `{"name":"check_%d","source":"node-1","status":1,"output":"WARN: text","handler":"mail","ttl":120}`+"\n", i)
	}
	return b
}

func id(name string) string { return strings.TrimPrefix(name, "check_") }

func open(t *testing.T, change func(*sensu.Config)) *sensu.Output {
	t.Helper()
	cfg := sensu.DefaultConfig()
	change(&cfg)
	out, err := sensu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestAgent(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, func(c *sensu.Config) { c.Protocol, c.URL, c.TLS = sensu.Agent, url, tls })
		},
		Batch: results,
		Accept: func(w http.ResponseWriter, r *http.Request, body []byte) []string {
			if r.URL.Path != "/events" || gjson.GetBytes(body, "entity.metadata.name").String() != "node-1" ||
				gjson.GetBytes(body, "check.ttl").Int() != 120 || gjson.GetBytes(body, "check.handlers.0").String() != "mail" {
				w.WriteHeader(http.StatusBadRequest)
				return nil
			}
			w.WriteHeader(http.StatusAccepted)
			return []string{id(gjson.GetBytes(body, "check.metadata.name").String())}
		},
		Partial: func(w http.ResponseWriter, _ *http.Request, body []byte, busy bool) []string {
			name := id(gjson.GetBytes(body, "check.metadata.name").String())
			switch {
			case name == "1":
				w.WriteHeader(http.StatusBadRequest)
			case name == "2" && busy:
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				w.WriteHeader(http.StatusAccepted)
				return []string{name}
			}
			return nil
		},
	}.Run(t)
}

func TestBackend(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, func(c *sensu.Config) { c.Protocol, c.URL, c.TLS, c.APIKey = sensu.Backend, url, tls, "k" })
		},
		Batch: results,
		Accept: func(w http.ResponseWriter, r *http.Request, _ []byte) []string {
			require.Equal(t, "Key k", r.Header.Get("Authorization"))
			name, ok := strings.CutPrefix(r.URL.Path, "/api/core/v2/namespaces/default/events/node-1/check_")
			require.True(t, ok, r.URL.Path)
			w.WriteHeader(http.StatusCreated)
			return []string{name}
		},
	}.Run(t)
}

// TestTokenExpires has the back end forget the token it gave.
func TestTokenExpires(t *testing.T) {
	logins, stored, valid := 0, 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/auth" && user == "u" && password == "p":
			logins++
			valid = fmt.Sprint("token", logins)
			fmt.Fprintf(w, `{"access_token":%q}`, valid)
		case r.Header.Get("Authorization") != "Bearer "+valid:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			stored++
			w.WriteHeader(http.StatusCreated)
		}
	}))
	defer srv.Close()
	out := open(t, func(c *sensu.Config) { c.Protocol, c.URL, c.Username, c.Password = sensu.Backend, srv.URL, "u", "p" })
	require.NoError(t, out.Send(t.Context(), results(2)))
	valid = "another"
	require.NoError(t, out.Send(t.Context(), results(2)))
	require.Equal(t, 2, logins)
	require.Equal(t, 4, stored)
}

func TestTCP(t *testing.T) {
	for _, reply := range []bool{false, true} {
		t.Run(fmt.Sprintf("reply %t", reply), func(t *testing.T) {
			outputtest.Stream{
				New: func(t *testing.T, address string, tls *tlsconfig.Config) outputtest.Output {
					return open(t, func(c *sensu.Config) {
						c.Protocol, c.Address, c.TLS, c.WaitReply = sensu.TCP, address, tls, reply
					})
				},
				Batch: results,
				Serve: func(conn net.Conn, got func(string)) {
					var result struct{ Name string }
					if json.NewDecoder(conn).Decode(&result) == nil {
						got(id(result.Name))
						if reply {
							_, _ = conn.Write([]byte("ok"))
						}
						_, _ = conn.Read(make([]byte, 1)) // until the output closes
					}
				},
				Answers:    reply,
				Reconnects: true,
			}.Run(t)
		})
	}
}

func TestDatagrams(t *testing.T) {
	for _, c := range []struct{ name, in, want, rejected string }{
		{name: "good", in: `{"name":"a","source":"b.c-d_e","status":0,"output":"OKAY: "}`, want: `{"name":"a","source":"b.c-d_e","status":0,"output":"OKAY: "}`},
		{name: "name with blanks", in: `{"name":"a b/c","output":"x"}`, want: `{"name":"a_b_c","output":"x"}`},
		{name: "source with blanks", in: `{"name":"a","source":"Unknown source Fields[x]","output":"x"}`, want: `{"name":"a","output":"x","source":"Unknown_source_Fields_x_"}`},
		{name: "no text", in: `{"name":"a","output":" "}`, want: `{"name":"a","output":"no text"}`},
		{name: "no name", in: `{"output":"x"}`, rejected: "no name"},
		{name: "not JSON", in: `ping`, rejected: "not a JSON object"},
		{name: "not an object", in: `[1]`, rejected: "not a JSON object"},
		{name: "empty line", in: ` `, rejected: "not a JSON object"},
		{name: "too much beside the text", in: `{"name":"a","output":"x","more":"` + strings.Repeat("y", 1400) + `"}`, rejected: "without its text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(t, err)
			defer conn.Close()
			out := open(t, func(cfg *sensu.Config) { cfg.Address = conn.LocalAddr().String() })
			err = out.Send(t.Context(), []byte(c.in+"\n"))
			if c.rejected != "" {
				var partial *message.SendError
				require.ErrorAs(t, err, &partial)
				require.Len(t, partial.Rejected, 1)
				require.Contains(t, partial.Rejected[0].Reason, c.rejected)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, receive(t, conn))
		})
	}
}

func receive(t *testing.T, conn net.PacketConn) string {
	t.Helper()
	buf := make([]byte, 65536)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	n, _, err := conn.ReadFrom(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func TestLongTextIsCut(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	out := open(t, func(cfg *sensu.Config) { cfg.Address = conn.LocalAddr().String() })
	for _, text := range []string{strings.Repeat("x", 5000), strings.Repeat("é", 3000), strings.Repeat(`\n"`, 2000), strings.Repeat("\x01", 3000)} {
		item, err := json.Marshal(map[string]any{"name": "a", "source": "b", "status": 2, "output": text})
		require.NoError(t, err)
		require.NoError(t, out.Send(t.Context(), append(item, '\n')))
		got := receive(t, conn)
		require.LessOrEqual(t, len(got), 1400)
		require.Greater(t, len(got), 1000, "no more is cut than needed, roughly")
		kept := gjson.Get(got, "output").String()
		require.True(t, strings.HasSuffix(kept, "..."))
		require.True(t, strings.HasPrefix(text, strings.TrimSuffix(kept, "...")))
		require.EqualValues(t, 2, gjson.Get(got, "status").Int())
	}
}

// TestPacing sends more than an agent's socket takes at once.
func TestPacing(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	out := open(t, func(cfg *sensu.Config) { cfg.Address = conn.LocalAddr().String() })
	start := time.Now()
	require.NoError(t, out.Send(t.Context(), results(50)))
	require.GreaterOrEqual(t, time.Since(start), 50*2*time.Millisecond)
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []sensu.Config{{Protocol: "smoke"}, {Protocol: sensu.Agent}, {Protocol: sensu.UDP, MaxSize: -1}} {
		_, err := sensu.New(c)
		require.Error(t, err)
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte(`{"name":"a b","source":"c d","output":"","status":1}`))
	f.Add([]byte(`{"name":"a","name":"b c","output":1}`))
	out, err := sensu.New(sensu.DefaultConfig())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, item []byte) {
		sent, err := out.Datagram(item)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(sent), 1400)
		require.True(t, gjson.ValidBytes(sent))
		require.Regexp(t, `^[A-Za-z0-9_.-]+$`, gjson.GetBytes(sent, "name").String())
		require.NotEmpty(t, strings.TrimSpace(gjson.GetBytes(sent, "output").String()))
	})
}

package nagios_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/nagios"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func form(host, service, state, output string) string {
	return url.Values{
		"cmd_typ": {"30"}, "cmd_mod": {"2"}, "host": {host}, "service": {service},
		"plugin_state": {state}, "plugin_output": {output}, "performance_data": {""},
	}.Encode() + "\n"
}

func forms(n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(form("node-1", fmt.Sprintf("service_%d", i), "1", `WARN\ndetails`))
	}
	return []byte(b.String())
}

func id(body []byte) string {
	values, _ := url.ParseQuery(string(body))
	return strings.TrimPrefix(values.Get("service"), "service_")
}

func open(t *testing.T, address string, change func(*nagios.Config)) *nagios.Output {
	t.Helper()
	cfg := nagios.DefaultConfig()
	cfg.Address, cfg.Proxy = address, "none"
	if change != nil {
		change(&cfg)
	}
	out, err := nagios.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

// page answers as the CGI does: 200, whatever happened.
func page(w http.ResponseWriter, text string) { fmt.Fprintf(w, "<html><body>%s</body></html>", text) }

const (
	success = "<P><DIV CLASS='infoMessage'>Your command request was successfully submitted to Nagios for processing.</DIV>"
	refusal = "<P><DIV CLASS='errorMessage'>Sorry, but you are not authorized to commit the specified command.</DIV></P>"
	noToken = "<p>Error: Invalid or missing CSRF cookie!</p>"
)

// cgi is a stand-in for cmd.cgi that accepts what verdict says.
func cgi(w http.ResponseWriter, r *http.Request, body []byte, verdict func(id string) string) []string {
	if r.Method == http.MethodGet {
		http.SetCookie(w, &http.Cookie{Name: "NagFormId", Value: "abc123"})
		page(w, "<form>")
		return nil
	}
	values, _ := url.ParseQuery(string(body))
	cookie, err := r.Cookie("NagFormId")
	if err != nil || cookie.Value != "abc123" || values.Get("nagFormId") != "abc123" {
		page(w, noToken)
		return nil
	}
	text := verdict(id(body))
	if strings.HasPrefix(text, "status ") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	page(w, text)
	if text != success {
		return nil
	}
	return []string{id(body)}
}

func TestCGI(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url+"/cgi-bin/nagios4/cmd.cgi", func(c *nagios.Config) { c.TLS = tls })
		},
		Batch: forms,
		Accept: func(w http.ResponseWriter, r *http.Request, body []byte) []string {
			return cgi(w, r, body, func(string) string { return success })
		},
		Reject: func(w http.ResponseWriter, r *http.Request, body []byte) {
			cgi(w, r, body, func(string) string { return refusal })
		},
		Partial: func(w http.ResponseWriter, r *http.Request, body []byte, busy bool) []string {
			return cgi(w, r, body, func(id string) string {
				switch {
				case id == "1":
					return refusal
				case id == "2" && busy:
					return "status 503"
				}
				return success
			})
		},
	}.Run(t)
}

func TestPlain(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url+"/status", func(c *nagios.Config) { c.TLS = tls })
		},
		Batch: forms,
		Accept: func(w http.ResponseWriter, _ *http.Request, body []byte) []string {
			w.WriteHeader(http.StatusNoContent)
			return []string{id(body)}
		},
	}.Run(t)
}

// TestTokens counts how often the token is fetched, and has the CGI forget it.
func TestTokens(t *testing.T) {
	fetched, stored, valid := 0, 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fetched++
			valid = fmt.Sprint("token", fetched)
			http.SetCookie(w, &http.Cookie{Name: "NagFormId", Value: valid})
			return
		}
		if r.FormValue("nagFormId") != valid {
			page(w, noToken)
			return
		}
		stored++
		page(w, success)
	}))
	defer srv.Close()
	out := open(t, srv.URL+"/cmd.cgi", nil)
	require.NoError(t, out.Send(t.Context(), forms(5)))
	require.Equal(t, 1, fetched)
	valid = "another"
	require.NoError(t, out.Send(t.Context(), forms(5)))
	require.Equal(t, 2, fetched)
	require.Equal(t, 10, stored)
}

// TestPageThatSaysNothing must never count as success, nor be given up.
func TestPageThatSaysNothing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { page(w, noToken) }))
	defer srv.Close()
	err := open(t, srv.URL+"/cmd.cgi", nil).Send(t.Context(), forms(2))
	require.ErrorContains(t, err, "Invalid or missing CSRF cookie")
	require.NotErrorIs(t, err, message.ErrPermanent)
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"1234567890", 10, "1234567890"},
		{"12345678901", 10, "1234567890"},
		{`first\nsecond`, 10, `first`},
		{`a\nsecondsecond`, 10, `a\nseconds`},
		{`123456789\nx`, 10, `123456789`},
		{"123456789é", 10, "123456789"},
	} {
		require.Equal(t, c.want, nagios.Shorten(c.text, c.limit))
	}
}

func TestBadForms(t *testing.T) {
	out := open(t, "http://127.0.0.1:1/status", nil)
	for _, bad := range []string{"%zz\n", "host=a\n", "service=b\n", "\n"} {
		var partial *message.SendError
		require.ErrorAs(t, out.Send(t.Context(), []byte(bad)), &partial)
		require.Len(t, partial.Rejected, 1)
	}
	_, err := nagios.New(nagios.Config{Receiver: "post"})
	require.Error(t, err)
}

// TestRealNagios submits results and finds them in Nagios' log.
func TestRealNagios(t *testing.T) {
	out := open(t, testserver.URL(t, "NAGIOS"), nil)
	logFile := testserver.Var(t, "NAGIOS_LOG")
	mark := fmt.Sprintf("mark%d", time.Now().UnixNano())
	long := mark + " long " + strings.Repeat("é", 2000)
	b := form("node-1", "cpu", "2", mark+` CRITICAL\nfirst "alarm" <b>\nsecond`) +
		form("node-1", "no such service", "1", mark) +
		form("node-1", "memory", "1", long) +
		form("node-1", "disk", "0", mark+" OKAY")
	for range 2 {
		rejected := outputtest.Deliver(t, out, []byte(b))
		require.Len(t, rejected, 1)
		require.Contains(t, rejected[0].Reason, "no such service")
	}
	for _, want := range []string{
		"PROCESS_SERVICE_CHECK_RESULT;node-1;cpu;2;" + mark + ` CRITICAL\nfirst "alarm" <b>\nsecond`,
		"PROCESS_SERVICE_CHECK_RESULT;node-1;memory;1;" + long[:1020],
		"PROCESS_SERVICE_CHECK_RESULT;node-1;disk;0;" + mark + " OKAY",
	} {
		require.Eventually(t, func() bool {
			text, err := os.ReadFile(logFile)
			return err == nil && strings.Count(string(text), want) == 2
		}, time.Minute, 50*time.Millisecond, want[:60])
	}
}

package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/smtp"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// script is a mail server: it answers verb with replies[verb], else success.
type script struct {
	replies map[string]string
	tls     *tls.Config
	mails   chan string
}

func (s *script) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s.mails = make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return l.Addr().String()
}

func (s *script) talk(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 test\r\n")
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		reply, changed := s.replies[verb]
		switch {
		case changed && reply == "":
			return
		case changed:
		case verb == "EHLO" && s.tls != nil:
			reply = "250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN CRAM-MD5"
		case verb == "EHLO":
			reply = "250-test\r\n250 AUTH PLAIN CRAM-MD5"
		case verb == "AUTH":
			reply = "235 welcome"
		case verb == "DATA":
			reply = "354 go on"
		case verb == "QUIT":
			reply = "221 bye"
		case verb == "STARTTLS" && s.tls == nil:
			reply = "502 not here"
		case verb == "STARTTLS":
			fmt.Fprint(conn, "220 go on\r\n")
			conn = tls.Server(conn, s.tls)
			r = bufio.NewReader(conn)
			continue
		default:
			reply = "250 ok"
		}
		fmt.Fprint(conn, reply+"\r\n")
		if verb == "DATA" && strings.HasPrefix(reply, "354") && !s.data(conn, r) {
			return
		}
	}
}

func (s *script) data(conn net.Conn, r *bufio.Reader) bool {
	var text strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(line)
	}
	reply := s.replies["."]
	if reply == "" {
		reply = "250 taken"
		s.mails <- text.String()
	}
	_, err := fmt.Fprint(conn, reply+"\r\n")
	return err == nil
}

func open(t *testing.T, address string, change func(*smtp.Config), now func() time.Time) *smtp.Output {
	t.Helper()
	cfg := smtp.DefaultConfig()
	cfg.Address, cfg.To = address, []string{"ops@example.org", "boss@example.org"}
	if change != nil {
		change(&cfg)
	}
	out, err := smtp.New(cfg, now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

const events = `{"name":"nova","status":3,"text":"Ü: why\n.\nmore"}` + "\n" + `{"name":"disk","host":"n1","status":0}` + "\n" + "plain line\n"

func TestMail(t *testing.T) {
	s := &script{}
	out := open(t, s.listen(t), nil, nil)
	require.NoError(t, out.Send(t.Context(), nil))
	for range 2 {
		require.NoError(t, out.Send(t.Context(), []byte(events)))
	}
	first, err := mail.ReadMessage(strings.NewReader(<-s.mails))
	require.NoError(t, err)
	second, err := mail.ReadMessage(strings.NewReader(<-s.mails))
	require.NoError(t, err)
	require.Equal(t, first.Header.Get("Message-ID"), second.Header.Get("Message-ID"), "the same mail again")
	subject, err := new(mime.WordDecoder).DecodeHeader(first.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, "nova CRITICAL", subject)
	require.Equal(t, "ops@example.org, boss@example.org", first.Header.Get("To"))
	_, err = first.Header.Date()
	require.NoError(t, err)
	body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, first.Body))
	require.NoError(t, err)
	require.Equal(t, "nova CRITICAL\nÜ: why\n.\nmore\ndisk OKAY on n1\nplain line\n", string(body))
}

func TestTexts(t *testing.T) {
	s := &script{}
	out := open(t, s.listen(t), nil, nil)
	for b, want := range map[string][2]string{
		"nova is DOWN\nwhy\x00":                         {"nova is DOWN", "nova is DOWN\nwhy\n"},
		"nova is DOWN\nwhy\x00heat is OKAY\x00x\ny\x00": {"nova is DOWN (and 2 more)", "nova is DOWN\nwhy\n\nheat is OKAY\n\nx\ny\n"},
	} {
		require.NoError(t, out.Send(t.Context(), []byte(b)))
		m, err := mail.ReadMessage(strings.NewReader(<-s.mails))
		require.NoError(t, err)
		require.Equal(t, want[0], m.Header.Get("Subject"))
		body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
		require.NoError(t, err)
		require.Equal(t, want[1], string(body))
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		replies   map[string]string
		permanent bool
	}{
		"busy":                    {map[string]string{"MAIL": "451 later"}, false},
		"mailbox full":            {map[string]string{"RCPT": "452 full"}, false},
		"no such mailbox":         {map[string]string{"RCPT": "550 unknown"}, true},
		"refused content":         {map[string]string{".": "554 spam"}, true},
		"greylisted":              {map[string]string{".": "451 come back"}, false},
		"closes after the mail":   {map[string]string{"DATA": ""}, false},
		"closes at once":          {map[string]string{"EHLO": "", "HELO": ""}, false},
		"sends nonsense":          {map[string]string{"MAIL": "hello"}, false},
		"wants a login":           {map[string]string{"MAIL": "530 log in first"}, false},
		"does not know the login": {map[string]string{"AUTH": "535 no"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{replies: c.replies}
			out := open(t, s.listen(t), func(cfg *smtp.Config) {
				if name == "does not know the login" {
					cfg.Auth, cfg.User, cfg.Password = "Plain", "u", "p"
				}
			}, nil)
			err := out.Send(t.Context(), []byte(events))
			require.Error(t, err)
			if c.permanent {
				require.ErrorIs(t, err, message.ErrPermanent)
				return
			}
			require.NotErrorIs(t, err, message.ErrPermanent)
		})
	}
}

func TestHangingAndGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, address := range []string{l.Addr().String(), "127.0.0.1:1", "tocsin-no-such-host.invalid:25"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		err := open(t, address, nil, nil).Send(ctx, []byte(events))
		cancel()
		require.Error(t, err)
		require.NotErrorIs(t, err, message.ErrPermanent)
		require.Less(t, time.Since(start), time.Minute, "it must notice the end of its context")
	}
}

func TestTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	s := &script{tls: &tls.Config{Certificates: srv.TLS.Certificates}}
	address := s.listen(t)
	unknown := open(t, address, func(c *smtp.Config) { c.TLS = &tlsconfig.Config{} }, nil)
	require.ErrorContains(t, unknown.Send(t.Context(), []byte(events)), "certificate")
	ca := outputtest.CertificateFile(t, srv)
	trusted := open(t, address, func(c *smtp.Config) {
		c.TLS, c.Auth, c.User, c.Password = &tlsconfig.Config{RootCAFile: ca}, "Plain", "u", "p"
	}, nil)
	require.NoError(t, trusted.Send(t.Context(), []byte(events)))
	require.Len(t, s.mails, 1)
	plain := &script{}
	refused := open(t, plain.listen(t), func(c *smtp.Config) { c.TLS = &tlsconfig.Config{RootCAFile: ca} }, nil)
	require.Error(t, refused.Send(t.Context(), []byte(events)), "with a tls section nothing goes in the clear")
	require.Empty(t, plain.mails)
}

func TestInterval(t *testing.T) {
	s := &script{}
	now := time.Unix(1500000000, 0)
	out := open(t, s.listen(t), func(c *smtp.Config) { c.SendInterval, c.Subject = time.Minute, "Alarms\r\nBcc: x" }, func() time.Time { return now })
	require.NoError(t, out.Send(t.Context(), []byte(events)))
	now = now.Add(20 * time.Second)
	var partial *message.SendError
	require.ErrorAs(t, out.Send(t.Context(), []byte(events)), &partial)
	require.Equal(t, 40*time.Second, partial.After)
	require.Equal(t, events, string(partial.Retry))
	now = now.Add(40 * time.Second)
	require.NoError(t, out.Send(t.Context(), []byte(events)))
	require.Len(t, s.mails, 2)
	m, err := mail.ReadMessage(strings.NewReader(<-s.mails))
	require.NoError(t, err)
	require.Equal(t, "Alarms Bcc: x", m.Header.Get("Subject"))
	require.Empty(t, m.Header.Get("Bcc"))
}

func TestConfigErrors(t *testing.T) {
	for _, change := range []func(*smtp.Config){
		func(c *smtp.Config) { c.To = nil },
		func(c *smtp.Config) { c.To = []string{"a@b\r\nRCPT TO:<x@y>"} },
		func(c *smtp.Config) { c.From = "" },
		func(c *smtp.Config) { c.Auth = "NTLM" },
	} {
		cfg := smtp.DefaultConfig()
		cfg.To = []string{"a@b"}
		change(&cfg)
		_, err := smtp.New(cfg, nil)
		require.Error(t, err)
	}
}

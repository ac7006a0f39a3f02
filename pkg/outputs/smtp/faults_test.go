package smtp_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/smtp"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func items(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "item %d\n", i)
	}
	return []byte(b.String())
}

// TestSuite sends a batch as one mail, which the server takes or does not.
func TestSuite(t *testing.T) {
	outputtest.Stream{
		New: func(t *testing.T, address string, _ *tlsconfig.Config) outputtest.Output {
			return open(t, address, nil, nil)
		},
		Batch: items,
		Serve: func(conn net.Conn, got func(string)) {
			s := &script{mails: make(chan string, 100)}
			s.talk(conn)
			close(s.mails)
			for text := range s.mails {
				m, err := mail.ReadMessage(strings.NewReader(text))
				if err != nil {
					continue
				}
				body, _ := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
				for line := range strings.Lines(string(body)) {
					if id, ok := strings.CutPrefix(strings.TrimSpace(line), "item "); ok {
						got(id)
					}
				}
			}
		},
		Answers: true, Reconnects: true, NoTLS: true,
		Answered: []outputtest.Fault{outputtest.BadRequest, outputtest.RetryAfter, outputtest.ServerError, outputtest.Partial, outputtest.TLS},
	}.Run(t)
}

// TestAnswers has the server answer errors: those of SMTP have the meanings of
// HTTP's the other way round.
func TestAnswers(t *testing.T) {
	send := func(replies map[string]string) error {
		s := &script{replies: replies}
		return open(t, s.listen(t), nil, nil).Send(t.Context(), items(3))
	}
	require.ErrorIs(t, send(map[string]string{".": "554 spam"}), message.ErrPermanent)
	require.ErrorIs(t, send(map[string]string{"RCPT": "550 unknown"}), message.ErrPermanent)
	outputtest.Happened(t, outputtest.BadRequest, outputtest.Refused, "SMTP's 5yz: the mail to the dead letters")
	err := send(map[string]string{".": "451 come back"})
	require.Error(t, err)
	require.NotErrorIs(t, err, message.ErrPermanent)
	outputtest.Happened(t, outputtest.ServerError, outputtest.Kept, "SMTP's 4yz, and a login that is refused")
	outputtest.Happened(t, outputtest.RetryAfter, outputtest.None, "SMTP has no such answer; 4yz is repeated with growing pauses")
	outputtest.Happened(t, outputtest.Partial, outputtest.None, "a batch is one mail")
}

// TestCertificates: see TestTLS, which needs the server's certificate.
func TestCertificates(t *testing.T) {
	s := &script{}
	err := open(t, s.listen(t), func(c *smtp.Config) { c.TLS = &tlsconfig.Config{} }, nil).Send(t.Context(), items(3))
	require.Error(t, err)
	require.NotErrorIs(t, err, message.ErrPermanent)
	require.Empty(t, s.mails)
	outputtest.Happened(t, outputtest.TLS, outputtest.Kept, "no STARTTLS, unknown authority (TestTLS); nothing goes in the clear")
}

package smtp_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/smtp"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// TestRealExim sends through Exim and reads its mailbox.
func TestRealExim(t *testing.T) {
	address := testserver.URL(t, "EXIM")
	secure := &tlsconfig.Config{RootCAFile: testserver.Var(t, "EXIM_CA"), ServerName: "localhost"}
	for protocol, change := range map[string]func(*smtp.Config){
		"esmtp":   func(*smtp.Config) {},
		"esmtps":  func(c *smtp.Config) { c.TLS = secure },
		"esmtpa":  func(c *smtp.Config) { c.Auth, c.User, c.Password = "CRAMMD5", "tocsin", "secret" },
		"esmtpsa": func(c *smtp.Config) { c.TLS, c.Auth, c.User, c.Password = secure, "Plain", "tocsin", "secret" },
	} {
		t.Run(protocol, func(t *testing.T) {
			title := fmt.Sprintf("nova_%d", time.Now().UnixNano())
			event := fmt.Sprintf(`{"name":%q,"status":3,"text":"Ü: why\n.\n..more\nFrom me"}`+"\n", title)
			require.NoError(t, open(t, address, change, nil).Send(t.Context(), []byte(event)))
			m := arrived(t, title)
			require.Contains(t, m.Header.Get("Received"), "with utf8"+protocol+" ")
			require.Equal(t, "ops@example.org, boss@example.org", m.Header.Get("To"))
			body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
			require.NoError(t, err)
			require.Equal(t, title+" CRITICAL\nÜ: why\n.\n..more\nFrom me\n", string(body))
		})
	}
}

// arrived waits for the mail with a title and returns it.
func arrived(t *testing.T, title string) (m *mail.Message) {
	t.Helper()
	require.Eventually(t, func() bool {
		inbox, err := os.ReadFile(testserver.Var(t, "EXIM_FILE"))
		if err != nil {
			return false
		}
		for one := range bytes.SplitSeq(inbox, []byte("\nFrom ")) {
			_, text, _ := bytes.Cut(one, []byte("\n")) // after the mailbox's own line
			m, err = mail.ReadMessage(bytes.NewReader(text))
			if err == nil && strings.HasPrefix(m.Header.Get("Subject"), title) {
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond)
	return m
}

// TestRealRefusals has Exim refuse for good and for now.
func TestRealRefusals(t *testing.T) {
	address := testserver.URL(t, "EXIM")
	for name, c := range map[string]struct {
		change    func(*smtp.Config)
		text      string
		permanent bool
	}{
		"no such mailbox": {change: func(c *smtp.Config) { c.To = []string{"nobody@example.org"} }, permanent: true},
		"too large":       {text: strings.Repeat("x", 2<<20), permanent: true},
		"come back later": {change: func(c *smtp.Config) { c.To = []string{"later@example.org"} }},
		"wrong password":  {change: func(c *smtp.Config) { c.Auth, c.User, c.Password = "CRAMMD5", "tocsin", "wrong" }},
		"unknown issuer":  {change: func(c *smtp.Config) { c.TLS = &tlsconfig.Config{ServerName: "localhost"} }},
	} {
		t.Run(name, func(t *testing.T) {
			err := open(t, address, c.change, nil).Send(t.Context(), []byte("title"+c.text+"\n"))
			require.Error(t, err)
			require.Equal(t, c.permanent, errors.Is(err, message.ErrPermanent), err.Error())
		})
	}
}

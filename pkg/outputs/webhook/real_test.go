package webhook_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/webhook"
)

// TestRealReceiver sends to a program of others, which checks the signatures and
// appends what it takes to a file.
func TestRealReceiver(t *testing.T) {
	address := testserver.URL(t, "WEBHOOK")
	run := fmt.Sprintf("nova_%d", time.Now().UnixNano())
	var batch []byte
	for i := range 20 {
		batch = fmt.Appendf(batch, `{"name":%q,"number":%d,"text":"Ü \\ 'why' \"%%s\" <&>\\n"}`+"\n", run, i)
	}
	signed := func(secret string) *webhook.Output {
		return open(t, address, func(c *webhook.Config) { c.Secret = secret })
	}
	for _, secret := range []string{"", "another"} {
		err := signed(secret).Send(t.Context(), batch)
		require.Error(t, err)
		require.NotErrorIs(t, err, message.ErrPermanent, "a secret can be mended")
		require.Empty(t, received(t, run))
	}
	require.Empty(t, outputtest.Deliver(t, signed("a secret of the tests"), batch))
	got := received(t, run)
	require.Len(t, got, 20)
	for i, line := range got {
		require.EqualValues(t, i, gjson.Get(line, "number").Int())
		require.Equal(t, "Ü \\ 'why' \"%s\" <&>\\n", gjson.Get(line, "text").String())
	}
}

// received returns the events of a run that the program took.
func received(t *testing.T, run string) (lines []string) {
	t.Helper()
	data, err := os.ReadFile(testserver.Var(t, "WEBHOOK_FILE"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for line := range strings.Lines(string(data)) {
		if gjson.Get(line, "name").String() == run {
			lines = append(lines, line)
		}
	}
	return lines
}

package sandbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

func version(n, extra string) sandbox.Options {
	return sandbox.Options{Kind: sandbox.KindDecoder, Name: "v", Source: []byte(`
		local seen = 0
		function process_message()
			seen = seen + 1
			` + extra + `
			inject_message{Payload = "` + n + ` " .. read_message("Payload")}
			return 0
		end`)}
}

func TestReload(t *testing.T) {
	r, err := sandbox.NewReloader(version("one", ""), 3)
	require.NoError(t, err)
	var got collected
	feed := func() string {
		t.Helper()
		before := len(got.messages)
		_, err := r.Process(line("x"), got.emit)
		require.NoError(t, err)
		require.Len(t, got.messages, before+1, "each record gives exactly one message")
		return got.messages[before].Payload
	}
	require.Equal(t, "one x", feed())

	require.Error(t, r.Reload(version("two", "this is no Lua")))
	require.False(t, r.OnTrial())
	require.Equal(t, "one x", feed())

	require.NoError(t, r.Reload(version("two", `if seen == 2 then error("dies") end`)))
	require.True(t, r.OnTrial())
	feed()
	feed()
	require.False(t, r.OnTrial())
	require.ErrorContains(t, r.Failure(), "dies")
	require.Equal(t, "one x", feed())

	require.NoError(t, r.Reload(version("two", `if seen == 2 then return -1, "no" end`)))
	feed()
	feed()
	require.ErrorContains(t, r.Failure(), "refused a record")

	require.NoError(t, r.Reload(version("two", "")))
	for range 3 {
		require.Equal(t, "one x", feed(), "the old version's messages count during the trial")
	}
	require.Equal(t, "two x", feed())
	require.EqualValues(t, 1, r.Reloads())
	require.NoError(t, r.Failure())
	require.NoError(t, r.Close(got.emit))
}

package sandbox_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// TestScriptsKeepWhatTheyRead overwrites the buffer of a record after the call,
// as inputs do that read into one buffer.
func TestScriptsKeepWhatTheyRead(t *testing.T) {
	p := open(t, `
		local held
		function process_message()
			if held then inject_message(held) end
			held = {Payload = read_message("Payload"), Logger = read_message("Logger"), Hostname = read_message("Hostname"),
				Type = read_message("Type"), Fields = {f = read_message("Fields[f]")}}
			local _, name, value = read_next_field()
			held.Fields[name .. "2"] = value
			return 0
		end`, nil)
	var buffer []byte
	shared := func(text string) string {
		start := len(buffer)
		buffer = append(buffer, text...)
		return unsafe.String(&buffer[start], len(text))
	}
	var got collected
	for _, text := range []string{"the first", "another 1"} {
		buffer = make([]byte, 0, 1024)
		m := &message.Message{UUID: message.NewUUID(), Type: shared("type"), Logger: shared("logger"), Hostname: shared("node"), Payload: shared(text)}
		m.AddString("f", shared("value"))
		_, err := p.Process(m, got.emit)
		require.NoError(t, err)
		for i := range buffer {
			buffer[i] = '#'
		}
	}
	require.Len(t, got.messages, 1)
	m := got.messages[0]
	require.Equal(t, []string{"the first", "logger", "node", "type"}, []string{m.Payload, m.Logger, m.Hostname, m.Type})
	require.Equal(t, "value", m.Field("f").At(0).Str())
	require.Equal(t, "value", m.Field("f2").At(0).Str())
}

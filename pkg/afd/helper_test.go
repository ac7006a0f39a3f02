package afd_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const epoch = 1500000000

func clock(at int) time.Time { return time.Unix(epoch+int64(at), 0) }

func tryLoad(t testing.TB, yaml string) ([]afd.Definition, []error, error) {
	t.Helper()
	n, err := config.Load(config.Source{Name: "model.yml", Data: []byte(yaml)})
	require.NoError(t, err)
	return afd.Load(n)
}

func load(t testing.TB, yaml string) []afd.Definition {
	t.Helper()
	defs, warnings, err := tryLoad(t, yaml)
	require.NoError(t, err)
	require.Empty(t, warnings)
	return defs
}

// metric makes a metric message; fields are names and string values.
func metric(name string, at int, value float64, fields ...string) *message.Message {
	m := &message.Message{Type: "heka.sandbox.metric", Timestamp: clock(at).UnixNano(), Hostname: "n"}
	m.AddString("name", name)
	m.AddDouble("value", value, "")
	for i := 0; i+1 < len(fields); i += 2 {
		m.AddString(fields[i], fields[i+1])
	}
	return m
}

// verdicts are what one tick emitted, by member.
type verdicts map[string]*message.Message

func tick(t testing.TB, set *afd.Set, at int) verdicts {
	t.Helper()
	out := verdicts{}
	require.NoError(t, set.Tick(clock(at), func(m *message.Message) error {
		member, _ := m.Text("member")
		out[member] = m
		return nil
	}))
	return out
}

// status returns the code of a member's verdict; -1 when there is none.
func (v verdicts) status(member string) int {
	m := v[member]
	if m == nil {
		return -1
	}
	n, _ := m.Number("value")
	return int(n)
}

// get reads a path of a member's payload.
func (v verdicts) get(member, path string) gjson.Result {
	m := v[member]
	if m == nil {
		return gjson.Result{}
	}
	return gjson.Get(m.Payload, path)
}

func send(t testing.TB, set *afd.Set, m *message.Message, at int) {
	t.Helper()
	require.NoError(t, set.Process(m, clock(at)))
}

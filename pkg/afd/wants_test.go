package afd_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// TestWants: only metrics that no rule reads may be left out.
func TestWants(t *testing.T) {
	n, err := config.Load(config.Source{Name: "m.yml", Data: []byte(`
trigger:
  t: {severity: critical, rules: [{metric: one, relational_operator: '>', threshold: 5, window: 60, function: avg}, {metric: two, relational_operator: '>', threshold: 5, window: 60, function: max, value: v}]}
alarm: {m: {triggers: [t]}}`)})
	require.NoError(t, err)
	defs, _, err := afd.Load(n)
	require.NoError(t, err)
	wants := afd.Wants(defs)
	for _, c := range []struct {
		typ, name string
		want      bool
	}{
		{"metric", "one", true},
		{"heka.sandbox.multivalue_metric", "two", true},
		{"metric", "three", false},
		{"metric", "", true},
		{"log", "three", true},
	} {
		m := &message.Message{Type: c.typ}
		if c.name != "" {
			m.AddString("name", c.name)
		}
		require.Equal(t, c.want, wants(m), "%+v", c)
	}
}

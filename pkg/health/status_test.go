package health_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

func TestTable(t *testing.T) {
	for _, c := range []struct {
		s                           health.Status
		code, weight, sensu, nagios int
		label, word                 string
	}{
		{health.Okay, 0, 1, 0, 0, "OKAY", "okay"},
		{health.Warn, 1, 2, 1, 1, "WARN", "warning"},
		{health.Unknown, 2, 0, 2, 3, "UNKNOWN", "unknown"},
		{health.Critical, 3, 3, 2, 2, "CRITICAL", "critical"},
		{health.Down, 4, 4, 2, 2, "DOWN", "down"},
	} {
		require.EqualValues(t, c.code, c.s, c.word)
		require.Equal(t, c.weight, c.s.Weight(), c.word)
		require.Equal(t, c.sensu, c.s.Sensu(), c.word)
		require.Equal(t, c.nagios, c.s.Nagios(), c.word)
		require.Equal(t, c.label, c.s.Label())
		require.Equal(t, c.word, c.s.Word())
		require.True(t, c.s.Valid())
		for _, text := range []string{c.label, c.word} {
			got, err := health.Parse(text)
			require.NoError(t, err)
			require.Equal(t, c.s, got)
		}
		got, ok := health.FromCode(float64(c.code))
		require.True(t, ok)
		require.Equal(t, c.s, got)
	}
	require.False(t, health.Status(5).Valid())
	require.Equal(t, "UNKNOWN", health.Status(9).Label())
}

func TestParseRefusesOtherWords(t *testing.T) {
	_, err := health.Parse("fine")
	require.ErrorContains(t, err, `"fine"`)
}

func TestFromCodeRefuses(t *testing.T) {
	for _, code := range []float64{-1, 5, 9, 0.5, math.NaN(), math.Inf(1)} {
		_, ok := health.FromCode(code)
		require.False(t, ok, "%v", code)
	}
}

func TestWorstMasksUnknownByOkay(t *testing.T) {
	require.Equal(t, health.Okay, health.Worst(health.Unknown, health.Okay))
	require.Equal(t, health.Okay, health.Worst(health.Okay, health.Unknown))
	require.Equal(t, health.Down, health.Worst(health.Critical, health.Down))
	require.Equal(t, health.Warn, health.Worst(health.Warn, health.Warn))
}

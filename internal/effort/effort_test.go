package effort_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/effort"
)

func TestWorkCountsAndWaitingDoesNot(t *testing.T) {
	m := effort.Start()
	time.Sleep(200 * time.Millisecond)
	require.Less(t, m.Spent(), 100*time.Millisecond)

	m = effort.Start()
	for end := time.Now().Add(time.Minute); m.Spent() < time.Millisecond; {
		require.True(t, time.Now().Before(end), "a minute of work is not seen")
	}
}

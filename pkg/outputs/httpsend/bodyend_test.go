package httpsend_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// A request that is answered is read once more at its end; the caller may have put
// the next batch in the place of its parts by then.
func TestBodyEndsWhereItEndedWhenTheListIsUsedAgain(t *testing.T) {
	parts := [][]byte{[]byte("one "), []byte("two")}
	body := httpsend.NewBody(parts)
	got := make([]byte, 7)
	_, err := io.ReadFull(body, got)
	require.NoError(t, err)
	require.Equal(t, "one two", string(got))
	parts[0], parts[1] = []byte("n"), []byte("x")
	n, err := body.Read(got)
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
}

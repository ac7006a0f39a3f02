package httpsend_test

import (
	"io"
	"net/http"
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

// TestNobodyReadsABodyThatIsOver, nor a copy of it that a transport made to send the
// request again; what was read to its end has ended well.
func TestNobodyReadsABodyThatIsOver(t *testing.T) {
	list, whole := parts()
	body, read := httpsend.NewBody(list), httpsend.NewBody(list)
	req, err := httpsend.NewRequest(t.Context(), http.MethodPost, "http://x/", body)
	require.NoError(t, err)
	require.EqualValues(t, len(whole), req.ContentLength)
	again, err := req.GetBody()
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, again, 400_000)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, read)
	require.NoError(t, err)
	body.End()
	read.End()
	later, err := req.GetBody()
	require.NoError(t, err)
	for _, r := range []io.Reader{body, again, later} {
		n, err := r.Read(make([]byte, 10))
		require.Zero(t, n)
		require.ErrorContains(t, err, "before it was sent whole")
	}
	n, err := read.Read(make([]byte, 10))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
}

package file_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
)

// TestFaults notes what the faults of a far side are for a file. A disk that is
// full or fails in a batch is in TestFullDisk, a path that cannot be opened in
// TestFailures.
func TestFaults(t *testing.T) {
	out := open(t, t.TempDir(), nil, nil) // a folder has the name
	err := out.Send(t.Context(), []byte("one\n"))
	require.Error(t, err)
	require.NotErrorIs(t, err, message.ErrPermanent)
	outputtest.Happened(t, outputtest.Refusing, outputtest.Kept, "%s", outputtest.Because(err))
	outputtest.Happened(t, outputtest.Partial, outputtest.Kept, "a full disk takes a part: it is cut off, all is written again when there is room")
	outputtest.Happened(t, outputtest.Restart, outputtest.Kept, "the file is renamed or removed by others: the next batch opens a new one")
	for _, f := range []outputtest.Fault{
		outputtest.Slow, outputtest.Hanging, outputtest.HalfClosing, outputtest.BadRequest, outputtest.RetryAfter, outputtest.ServerError, outputtest.TLS, outputtest.DNS,
	} {
		outputtest.Happened(t, f, outputtest.None, "there is no far side")
	}
}

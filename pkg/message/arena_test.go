package message_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

func TestArenaClonesAreDeepAndStable(t *testing.T) {
	var a message.Arena
	want := message.AppendMessage(nil, sample())
	buf := make([]byte, len(want))
	var shared message.Message
	var clones []*message.Message
	for range 2000 {
		copy(buf, want)
		require.NoError(t, shared.UnmarshalShared(buf))
		clones = append(clones, a.Clone(&shared))
		clear(buf) // the clone must not look at this memory
	}
	a.Release()
	for _, c := range clones {
		require.Equal(t, want, message.AppendMessage(nil, c))
	}
	clones[0].Fields[0] = message.NewField("changed", "", message.StringValue("x"))
	require.Equal(t, want, message.AppendMessage(nil, clones[1]), "clones do not share fields")
}

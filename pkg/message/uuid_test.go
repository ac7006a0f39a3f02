package message_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

func TestUUIDText(t *testing.T) {
	u, err := message.ParseUUID("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")
	require.NoError(t, err)
	require.Equal(t, "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", u.String())
	bare, err := message.ParseUUID("0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d")
	require.NoError(t, err)
	require.Equal(t, u, bare)
	for _, bad := range []string{"", "x", "0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4", "0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4g"} {
		_, err := message.ParseUUID(bad)
		require.Error(t, err, bad)
	}
}

func TestDerivedUUIDsAreStableAndDistinct(t *testing.T) {
	require.Equal(t, message.DerivedUUID(7, 100, 0), message.DerivedUUID(7, 100, 0))
	require.Equal(t, message.DerivedUUID(7, 100, 0), message.DerivedUUID(7, 100, 0).Derive(0))
	seen := map[message.UUID]bool{}
	for fingerprint := range uint64(50) {
		for offset := range uint64(1000) {
			u := message.DerivedUUID(fingerprint, offset, 0)
			for n := range 3 {
				d := u.Derive(n)
				require.False(t, seen[d], "fingerprint %d offset %d n %d", fingerprint, offset, n)
				seen[d] = true
				require.Equal(t, byte(0x80), d[6]&0xf0, "version")
				require.Equal(t, byte(0x80), d[8]&0xc0, "variant")
			}
		}
	}
}

package message_test

import (
	"fmt"
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

// TestUUIDDigits compares with the standard library's digits.
func TestUUIDDigits(t *testing.T) {
	for i := range 256 {
		u := message.DerivedUUID(uint64(i), 3, 0)
		u[i%16] = byte(i)
		require.Equal(t, fmt.Sprintf("before%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:]), string(u.AppendText([]byte("before"))))
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

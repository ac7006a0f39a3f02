package inputs

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// ErrNoCertificate says that a text holds no certificate.
var ErrNoCertificate = errors.New("no certificate is in it")

// FirstExpiry returns when the first of the certificates in a PEM text expires;
// keys and whatever else is in it are passed over. A certificate that does not
// parse is an error: nobody could rely on it.
func FirstExpiry(text []byte) (time.Time, error) {
	var first time.Time
	for number := 1; ; {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, fmt.Errorf("read certificate %d: %w", number, err)
		}
		number++
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	if first.IsZero() {
		return time.Time{}, ErrNoCertificate
	}
	return first, nil
}

// DaysLeft returns how many days there are from now until then, with fractions;
// negative when it is past.
func DaysLeft(then, now time.Time) float64 { return then.Sub(now).Hours() / 24 }

package tlsconfig_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// selfSigned writes a certificate for 127.0.0.1, which is its own authority.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tocsin"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	require.NoError(t, err)
	kb, err := x509.MarshalECPrivateKey(k)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kb}), 0o600))
	return cert, key
}

func handshake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			err = tls.Server(c, server).Handshake()
			_ = c.Close()
		}
		done <- err
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	clientErr = tls.Client(raw, client).Handshake()
	if clientErr != nil {
		_ = raw.Close()
	}
	serverErr = <-done
	_ = raw.Close()
	return clientErr, serverErr
}

func TestMutualHandshake(t *testing.T) {
	cert, key := selfSigned(t)
	server, err := tlsconfig.Config{CertFile: cert, KeyFile: key, ClientCAFile: cert}.Server()
	require.NoError(t, err)
	require.Equal(t, tls.RequireAndVerifyClientCert, server.ClientAuth)

	with, err := tlsconfig.Config{RootCAFile: cert, CertFile: cert, KeyFile: key, ServerName: "127.0.0.1"}.Client()
	require.NoError(t, err)
	ce, se := handshake(t, with, server)
	require.NoError(t, ce)
	require.NoError(t, se)

	without, err := tlsconfig.Config{RootCAFile: cert, ServerName: "127.0.0.1"}.Client()
	require.NoError(t, err)
	_, se = handshake(t, without, server)
	require.Error(t, se, "a client without a certificate is refused")

	stranger, err := tlsconfig.Config{ServerName: "127.0.0.1", CertFile: cert, KeyFile: key}.Client()
	require.NoError(t, err)
	ce, _ = handshake(t, stranger, server)
	require.Error(t, ce, "a server of an unknown authority is refused")
}

func TestVersionFloor(t *testing.T) {
	c, err := tlsconfig.Config{MinVersion: "TLS10"}.Client()
	require.NoError(t, err)
	require.EqualValues(t, tls.VersionTLS12, c.MinVersion)
	c, err = tlsconfig.Config{MinVersion: "TLS1.3"}.Client()
	require.NoError(t, err)
	require.EqualValues(t, tls.VersionTLS13, c.MinVersion)
}

func TestErrorsNameTheKey(t *testing.T) {
	cert, key := selfSigned(t)
	for want, cfg := range map[string]tlsconfig.Config{
		"max_version":   {CertFile: cert, KeyFile: key, MaxVersion: "TLS11"},
		"min_version":   {CertFile: cert, KeyFile: key, MinVersion: "TLS99"},
		"ciphers":       {CertFile: cert, KeyFile: key, Ciphers: []string{"RC4"}},
		"client_auth":   {CertFile: cert, KeyFile: key, ClientAuth: "Sometimes"},
		"client_cafile": {CertFile: cert, KeyFile: key, ClientAuth: "RequireAndVerifyClientCert"},
		"cert_file":     {},
		"key_file":      {CertFile: cert, KeyFile: cert + ".none"},
		"PEM":           {CertFile: cert, KeyFile: key, ClientCAFile: key},
	} {
		_, err := cfg.Server()
		require.ErrorContains(t, err, want)
	}
	_, err := tlsconfig.Config{RootCAFile: cert + ".none"}.Client()
	require.ErrorContains(t, err, "root_cafile")
}

func TestCiphersByName(t *testing.T) {
	c, err := tlsconfig.Config{Ciphers: []string{"ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}.Client()
	require.NoError(t, err)
	require.Equal(t, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, c.CipherSuites)
}

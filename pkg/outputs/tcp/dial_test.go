package tcp_test

import (
	"net"

	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

func dial(l net.Listener) stream.Config { return withAddress(l.Addr().String()) }

func withAddress(a string) stream.Config { return stream.Config{Address: a} }

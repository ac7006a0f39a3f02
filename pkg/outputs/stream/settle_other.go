//go:build !linux

package stream

import (
	"context"
	"net"
)

// Settle does nothing where the kernel cannot be asked.
func Settle(context.Context, net.Conn) error { return nil }

func gone(net.Conn) bool { return false }

// Refused knows nothing where the kernel cannot be asked.
func Refused(net.Conn) error { return nil }

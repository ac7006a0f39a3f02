package stream

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

const settleDatagrams = 2 * time.Millisecond // for a refusal to come back on a near network

// Datagrams sends the items of b one by one, gap apart, over c. prepare turns an
// item into a datagram; its error rejects the item. The result is that of an
// output's Send. An item counts as sent when the kernel took it and no refusal
// of the far side has come back shortly after the last one; UDP knows no more.
func Datagrams(ctx context.Context, c *Conn, b []byte, cut func([]byte) (item, rest []byte), gap time.Duration,
	prepare func(item []byte) ([]byte, error),
) error {
	var result message.SendError
	rest := b
	err := c.Do(ctx, func(conn net.Conn) error {
		for len(rest) > 0 {
			item, behind := cut(rest)
			datagram, err := prepare(item)
			if err != nil {
				result.Rejected = append(result.Rejected, message.Rejected{Item: item, Reason: err.Error()})
				result.Err = fmt.Errorf("prepare datagram: %w", err)
				rest = behind
				continue
			}
			if _, err = conn.Write(datagram); err != nil {
				rest = b // a refusal is about an earlier datagram
				return fmt.Errorf("send datagram: %w", err)
			}
			rest = behind
			if err = pause(ctx, gap); err != nil {
				return err
			}
		}
		if err := pause(ctx, settleDatagrams); err != nil {
			return nil // all are sent; the context ended while waiting for bad news
		}
		if err := Refused(conn); err != nil {
			rest = b
			return fmt.Errorf("send datagram: %w", err)
		}
		return nil
	})
	if err != nil && len(rest) > 0 {
		if len(rest) == len(b) {
			return fmt.Errorf("send to %s: %w", c.Address(), err)
		}
		result.Retry, result.Err = rest, fmt.Errorf("send to %s: %w", c.Address(), err)
		for len(rest) > 0 {
			_, rest = cut(rest)
			result.Waiting++
		}
	}
	if result.Err == nil {
		return nil
	}
	return &result
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

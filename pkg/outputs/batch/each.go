package batch

import (
	"errors"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Each sends the items of b one by one, for far sides that take one at a time. An
// item whose error wraps message.ErrPermanent is rejected; any other error ends
// it, and the items from there on are to be sent again. whole turns that error
// into a *message.SendError where the far side asked to wait; nil: it never does.
// The result is that of an output's Send.
func Each(b []byte, cut Cut, whole func(err error, rest []byte) error, send func(item []byte) error) error {
	var failed message.SendError
	for rest := b; len(rest) > 0; {
		item, behind := cut(rest)
		err := send(item)
		switch {
		case err == nil:
		case errors.Is(err, message.ErrPermanent):
			failed.Rejected = append(failed.Rejected, message.Rejected{Item: item, Reason: err.Error()})
			failed.Err = err
		default:
			var asked *message.SendError
			if whole != nil && errors.As(whole(err, rest), &asked) {
				failed.After = asked.After
			}
			failed.Retry, failed.Waiting, failed.Err = rest, Count(rest, cut), err
			return &failed
		}
		rest = behind
	}
	if failed.Err == nil {
		return nil
	}
	return &failed
}

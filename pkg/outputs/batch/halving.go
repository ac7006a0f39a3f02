package batch

import (
	"context"
	"errors"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Halving sends b and, where send fails with an error that wraps
// message.ErrPermanent, the halves of what failed, until single items are
// refused: one bad item costs the others nothing but requests. It returns nil or
// a *message.SendError, as Send of an output must. Items that send confirms more
// than once must do no harm.
//
// A failure of another kind ends it; what was not tried goes into Retry. A
// *message.SendError of send is final for what it was given.
func Halving(ctx context.Context, b []byte, cut Cut, send func(context.Context, []byte) error) error {
	return Refused(ctx, b, send(ctx, b), cut, send)
}

// Refused is what Halving does after b was sent with the outcome err.
func Refused(ctx context.Context, b []byte, err error, cut Cut, send func(context.Context, []byte) error) error {
	if !Permanent(err) {
		return err
	}
	h := halver{ctx: ctx, cut: cut, send: send}
	h.refused(b, err)
	if h.result.Err == nil {
		return nil
	}
	return &h.result
}

// Permanent reports whether err condemns the batch as a whole, and is not a
// *message.SendError, which says more.
func Permanent(err error) bool {
	var partial *message.SendError
	return errors.Is(err, message.ErrPermanent) && !errors.As(err, &partial)
}

type halver struct {
	ctx     context.Context
	cut     Cut
	send    func(context.Context, []byte) error
	result  message.SendError
	stopped bool
}

// refused deals with a batch that was refused for good.
func (h *halver) refused(b []byte, err error) {
	first, second := Halve(b, h.cut)
	if len(second) == 0 {
		h.result.Rejected = append(h.result.Rejected, message.Rejected{Item: b, Reason: err.Error()})
		h.result.Err = err
		return
	}
	h.try(first)
	h.try(second)
}

func (h *halver) try(b []byte) {
	if h.stopped {
		h.again(b)
		return
	}
	err := h.send(h.ctx, b)
	var partial *message.SendError
	switch {
	case err == nil:
	case errors.As(err, &partial):
		h.stopped = len(partial.Retry) > 0
		h.result.Rejected = append(h.result.Rejected, partial.Rejected...)
		h.again(partial.Retry)
		h.result.After = max(h.result.After, partial.After)
		h.result.Err = err
	case errors.Is(err, message.ErrPermanent):
		h.refused(b, err)
	default:
		h.stopped = true
		h.again(b)
		h.result.Err = err
	}
}

func (h *halver) again(b []byte) {
	h.result.Retry = append(h.result.Retry, b...)
	h.result.Waiting += Count(b, h.cut)
}

package http

import (
	"sync/atomic"

	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

// The reasons for which a request counts as dropped although it was answered 200.
const (
	dropFull   = "full"   // the pipeline had no room, and when_full says drop
	dropFailed = "failed" // it was on its way when the pipeline failed
)

func drop(account *selfmon.Account, reason string) {
	account.Accept(1)
	account.Drop(reason, 1)
}

// fate books one request. It counts as accepted when it is stored, or when it was
// answered 200, whichever comes first.
type fate struct {
	account *selfmon.Account
	state   atomic.Int32
	err     error // set before state is settled
}

const (
	open     = iota
	answered // 200, before it was known what becomes of it
	settled
)

// settled is told what became of the request, after it or before.
func (f *fate) settled(err error) {
	f.err = err
	before := f.state.Swap(settled)
	switch {
	case before == open && err == nil:
		f.account.Settle(1, 1, 0)
	case before == open: // the sender is told
	case err == nil:
		f.account.Deliver(1)
	default:
		f.account.Drop(dropFailed, 1)
	}
}

// answered says that the request was answered 200 and is on its way.
func (f *fate) answered() {
	if f.state.CompareAndSwap(open, answered) {
		f.account.Accept(1)
		return
	}
	if f.err != nil {
		drop(f.account, dropFailed)
	}
}

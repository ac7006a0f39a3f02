// Package outputs is the family of outputs, one folder each. They share batch
// (cutting batches into items), httpsend (HTTP), stream (TCP and UDP), event (what
// notifying outputs read), lineproto, and the suite outputtest.
//
// Invariant of every output: Send returns nil only for a batch that the far side
// has confirmed, as far as its protocol can; otherwise a *message.SendError that
// says what is refused for good and what is to be sent again, or an error about
// the whole batch. Outputs neither queue nor retry, and never change or keep a
// batch.
package outputs

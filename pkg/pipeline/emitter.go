package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const (
	// maxPending is the size of an encoded batch at which it goes to its queue
	// without waiting for a commit, in bytes. In a queue that is not many times as
	// large a batch is a share of it: one larger than its queue would be lost.
	maxPending   = 256 << 10
	pendingShare = 8
	// maxInbox is the number of messages at which a batch goes to its filter.
	maxInbox = 256
	// slowFilter is how long a full inbox may hold up its senders. What is
	// dropped afterwards is counted, and the filter's series go stale.
	slowFilter = 5 * time.Second
)

// emitter routes the messages of one goroutine: it matches, encodes into a
// pending batch for every output, and clones into one for every filter. It is
// what keeps the hot path free of locks.
type emitter struct {
	p       *Pipeline
	name    string
	after   int // filters up to this one are not offered anything; -1: none
	hits    []int
	out     []pendingBatch
	enc     []Encoder
	in      [][]*message.Message
	inCount int
	arena   message.Arena
	emitted uint64
	asks    asking
	ctx     context.Context // of appends started by emit, set by flush's owner
}

type pendingBatch struct {
	data    []byte // as Queue.AppendBatch takes it; nil: none
	count   int
	ids     []uint64            // of the messages; 0: never asked about
	pending map[uint64]struct{} // of the messages, for a source that repeats at any time
}

// asking says whether messages may have been accepted before.
type asking struct {
	source bool // they have identities that last: they come from an input
	left   int  // of how many more it may be so
	always bool // it may be so at any time
}

func (p *Pipeline) newEmitter(ctx context.Context, name string, after int) *emitter {
	return &emitter{
		p: p, name: name, after: after, ctx: ctx,
		out: make([]pendingBatch, len(p.outputs)), enc: make([]Encoder, len(p.outputs)), in: make([][]*message.Message, len(p.filters)),
	}
}

// emit offers m to every filter and output behind this emitter.
func (e *emitter) emit(m *message.Message) error {
	e.emitted++
	e.asks.left = max(e.asks.left-1, 0)
	if e.p.tap.active() {
		e.p.tap.offer(m)
	}
	e.hits = e.p.set.Match(e.hits[:0], m)
	var clone *message.Message
	for _, hit := range e.hits {
		if hit >= len(e.p.filters) {
			if err := e.encode(hit-len(e.p.filters), m); err != nil {
				return err
			}
			continue
		}
		if hit <= e.after {
			continue
		}
		if wants := e.p.filters[hit].spec.Wants; wants != nil && !wants(m) {
			continue
		}
		if clone == nil {
			clone = e.arena.Clone(m)
		}
		e.in[hit] = append(e.in[hit], clone)
		e.inCount++
	}
	if e.inCount >= maxInbox {
		e.flushFilters()
	}
	return nil
}

func (e *emitter) encode(i int, m *message.Message) error {
	o, b := e.p.outputs[i], &e.out[i]
	id := uint64(0)
	if e.asks.source {
		if id = identity(m.UUID); e.repeated(b, o.spec.Queue, id) {
			return nil
		}
	}
	if b.data == nil {
		b.data = o.spec.Queue.Batch()
	}
	if e.enc[i] == nil {
		e.enc[i] = o.spec.NewEncoder()
	}
	before := len(b.data)
	data, err := e.enc[i].Encode(b.data, m)
	switch {
	case err != nil:
		b.data = b.data[:before]
		o.encodeFailed(err)
	case len(data) > before:
		b.data = data
		b.count++
		b.ids = append(b.ids, id)
		if e.asks.always {
			if b.pending == nil {
				b.pending = map[uint64]struct{}{}
			}
			b.pending[id] = struct{}{}
		}
	}
	if len(b.data) >= o.maxPending {
		return e.flushOutput(i)
	}
	return nil
}

// identity is the UUID as a queue remembers it: never 0, but for no UUID.
func identity(u message.UUID) uint64 {
	if u.IsZero() {
		return 0
	}
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(u[:8])^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(u[8:])^0xbf58476d1ce4e5b9)
	return max(hi^lo, 1)
}

// repeated reports, and counts, that the queue or the batch for it has the
// message already.
func (e *emitter) repeated(b *pendingBatch, q *buffer.Queue, id uint64) bool {
	if e.asks.left == 0 && !e.asks.always || id == 0 {
		return false
	}
	if _, ok := b.pending[id]; !ok && !q.Seen(id) {
		return false
	}
	q.Repeat(1)
	return true
}

// flush hands everything pending to the filters and queues. An error means that
// a position must not advance: the same records are to be read again.
func (e *emitter) flush() (err error) {
	e.flushFilters()
	for i := range e.out {
		if e.out[i].count > 0 {
			err = errors.Join(err, e.flushOutput(i))
		}
	}
	return err
}

func (e *emitter) flushOutput(i int) error {
	o, b := e.p.outputs[i], &e.out[i]
	err := o.append(e.ctx, buffer.Record{Data: b.data, Count: b.count, IDs: b.ids})
	clear(b.pending)
	*b = pendingBatch{ids: b.ids[:0], pending: b.pending}
	return err
}

func (e *emitter) flushFilters() {
	if e.inCount == 0 {
		return
	}
	e.inCount = 0
	for i, batch := range e.in {
		if len(batch) == 0 {
			continue
		}
		e.in[i] = nil
		e.p.filters[i].put(batch)
	}
	e.arena.Release()
}

package pipeline

import "github.com/tocsin-lma/tocsin/pkg/buffer"

// batch is what one Send gets: the data of several records, put together only
// for an output that needs it so.
type batch struct {
	parts  [][]byte
	joined []byte // memory of whole
}

// batchOf makes the batch of records; it is valid until the next one is made and
// as long as the records are.
func (o *outputRunner) batchOf(records []buffer.Record) *batch {
	b := &o.batch
	clear(b.parts) // lets go of what was sent
	b.parts = b.parts[:0]
	for _, r := range records {
		b.parts = append(b.parts, r.Data)
	}
	return b
}

// set makes data the whole batch.
func (b *batch) set(data []byte) {
	clear(b.parts)
	b.parts = append(b.parts[:0], data)
}

// size returns the size of the batch in bytes.
func (b *batch) size() (n int) {
	for _, part := range b.parts {
		n += len(part)
	}
	return n
}

// whole returns the batch in one part.
func (b *batch) whole() []byte {
	if len(b.parts) > 1 {
		b.joined = b.joined[:0]
		for _, part := range b.parts {
			b.joined = append(b.joined, part...)
		}
		b.set(b.joined)
	}
	return b.parts[0]
}

// Package collectd decodes what collectd's write_http plugin posts: a JSON array
// of samples. What a sample means is decided in Lua, by the modules that the
// decoder collectd.lua uses; this package asks them once for each time series and
// makes the messages of all further samples of the series itself.
//
// Invariant: the messages are those of collectd.lua. Of the samples of one series
// all text is the same but the values and the time; a sample is only recognised by
// that whole text, so what is known of it cannot be of another one.
//
// A Decoder belongs to one stream and is used by one goroutine at a time; the
// package starts none.
package collectd

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

const (
	// DefaultKnownSeries is how many series are remembered when the decoder's
	// config has no known_series; twice as many at most. One takes some 2 KB.
	DefaultKnownSeries = 10000
	// maxKey is the longest text without values, in bytes, of a series that is
	// remembered; collectd's have some 200.
	maxKey = 16 << 10
	// maxOpenings bounds how often the plugin is opened anew for one record.
	maxOpenings = 4
	// maxDerived is how many identities are derived of one.
	maxDerived = math.MaxUint16
)

// Decoder decodes the records of one stream.
type Decoder struct {
	asker  *asker
	series *cache
	scan   scanner
	log    *slog.Logger
}

// New makes a decoder from the options of the Lua decoder collectd.lua, whose
// Source and Script are not used. The caller closes it.
func New(opts sandbox.Options, log *slog.Logger) (*Decoder, error) {
	known := DefaultKnownSeries
	if n, ok := opts.Config["known_series"].(float64); ok && n >= 1 {
		known = int(min(n, 1e7))
	}
	a, err := newAsker(opts)
	if err != nil {
		return nil, fmt.Errorf("open decoder %s: %w", opts.Name, err)
	}
	return &Decoder{asker: a, series: newCache(known), log: log}, nil
}

// Close releases the plugin.
func (d *Decoder) Close(message.Emit) error { return d.asker.close() }

// Decode implements decoders.Decoder. A record that is no JSON array is rejected as
// a whole. Samples that are not in order cost nobody else: the others are emitted,
// and the error is a *decoders.Partly.
func (d *Decoder) Decode(raw *message.Message, emit message.Emit) error {
	body := validText(raw.Payload)
	defer d.scan.forget()
	if err := d.scan.record(body); err != nil {
		return decoders.Reject("decode a record of %s: the record is no JSON array of collectd samples: %w", raw.Logger, err)
	}
	d.asker.left = maxOpenings
	bad, total := 0, len(d.scan.elements)
	var why error
	for i := range d.scan.elements {
		el := &d.scan.elements[i]
		err := d.learn(raw, el)
		if err == nil {
			continue
		}
		if errors.Is(err, errNotJSON) {
			return decoders.Reject("decode a record of %s: the record is no JSON array of collectd samples: %w", raw.Logger, err)
		}
		bad, why = bad+1, err
	}
	out := output{emit: emit, raw: raw, identity: raw.UUID}
	for i := range d.scan.elements {
		if err := d.emit(&out, body, &d.scan.elements[i]); err != nil {
			return fmt.Errorf("emit a message of collectd: %w", err)
		}
	}
	switch {
	case bad == 0:
		return nil
	case bad == total:
		return decoders.Reject("decode a record of %s: %w", raw.Logger, why)
	}
	return &decoders.Partly{Rejected: bad, Of: total, Err: why}
}

// learn finds out what el means. The error says why it means nothing.
func (d *Decoder) learn(raw *message.Message, el *element) error {
	if el.shaped {
		if el.series = d.series.get(el.key); el.series != nil {
			return nil
		}
	}
	text := d.scan.body[el.from:el.to]
	if text[0] != '{' {
		return noSample(text)
	}
	count := -1
	if el.shaped {
		count = el.count
	}
	known, made, err := d.asker.ask(raw, text, count)
	switch {
	case err != nil:
		return err
	case known == nil:
		el.made = made
	default:
		el.series = known
		if len(el.key) <= maxKey {
			d.series.put(el.key, known)
		}
	}
	return nil
}

// output is where the messages of one record go.
type output struct {
	emit     message.Emit
	raw      *message.Message
	identity message.UUID
	n        int
}

// send gives m its identity and emits it.
func (o *output) send(m *message.Message) error {
	switch {
	case o.identity.IsZero():
		m.UUID = message.NewUUID()
	default:
		if o.n == maxDerived {
			o.identity, o.n = o.identity.Derive(maxDerived), 1
		}
		m.UUID = o.identity.Derive(o.n)
		o.n++
	}
	return o.emit(m)
}

// emit emits the messages of one element.
func (d *Decoder) emit(o *output, body string, el *element) error {
	for _, m := range el.made {
		if err := o.send(m); err != nil {
			return err
		}
	}
	if el.series == nil {
		return nil
	}
	values := d.scan.numbers[el.first : el.first+el.count]
	for i := range el.series.metrics {
		k := &el.series.metrics[i]
		v := values[k.value]
		if v != v {
			continue // null
		}
		m := &k.msg
		m.Timestamp = el.when
		m.Payload = body[el.from:el.to]
		m.ClearPID()
		if o.raw.HasPID() {
			m.SetPID(o.raw.PID())
		}
		if k.scaled {
			v = v * k.factor / k.divisor
		}
		m.Fields[k.field].Set(0, message.DoubleValue(v))
		err := o.send(m)
		m.Payload = "" // the record's text is not kept
		if err != nil {
			return err
		}
	}
	return nil
}

// validText returns s as UTF-8: each stray byte becomes U+FFFD.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out := make([]byte, 0, len(s)+64)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		out = utf8.AppendRune(out, r) // U+FFFD for a stray byte
		i += size
	}
	return string(out)
}

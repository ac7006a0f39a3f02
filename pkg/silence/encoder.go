package silence

import "github.com/tocsin-lma/tocsin/pkg/message"

// Encoder is the encoder of an output.
type Encoder interface {
	Encode(dst []byte, m *message.Message) ([]byte, error)
}

// Matcher says which messages an output wants.
type Matcher interface {
	Match(m *message.Message) bool
}

// Wrap puts the silences before the encoder of an output. A silenced verdict
// reaches inner with alerting_enabled false; one that want does not match any
// more becomes nothing to send.
func (s *Store) Wrap(inner Encoder, want Matcher) Encoder { return &wrapped{s, inner, want} }

type wrapped struct {
	store *Store
	inner Encoder
	want  Matcher
}

// Encode appends m to dst as the inner encoder does, or leaves dst as it is.
func (w *wrapped) Encode(dst []byte, m *message.Message) ([]byte, error) {
	muted := w.store.Mute(m)
	if muted != m && !w.want.Match(muted) {
		return dst, nil
	}
	return w.inner.Encode(dst, muted)
}

// Package encoders turns messages into what outputs send: bulk lines for
// Elasticsearch, line protocol, check results for Sensu and Nagios, events,
// syslog lines, mails, frames.
//
// Invariant: an encoder appends whole items to dst, each of which can be told
// from the next (a line, a pair of lines, a frame), or leaves dst as it was. Its
// calls are never concurrent; it keeps nothing of a message.
package encoders

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Encoder is what every encoder of this package is.
type Encoder interface {
	// Encode appends the encoded message to dst. dst unchanged and no error
	// means that there is nothing to send.
	Encode(dst []byte, m *message.Message) ([]byte, error)
}

// Options is what the host adds to an encoder's section.
type Options struct {
	// Bare leaves out the byte that separates items in a batch: the line feed
	// after a check result, the NUL after a mail.
	Bare bool
}

type opener func(*config.Node, Options) (Encoder, error)

// table names the encoders of this package.
func table() map[string]opener {
	return map[string]opener{
		"elasticsearch": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, DefaultElasticsearchConfig(), NewElasticsearch)
		},
		"line_protocol": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, DefaultLineProtocolConfig(), NewLineProtocol)
		},
		"status_sensu": func(n *config.Node, o Options) (Encoder, error) {
			return decoded(n, DefaultSensuConfig(), func(c SensuConfig) (*Sensu, error) { return NewSensu(c, o) })
		},
		"status_nagios": func(n *config.Node, o Options) (Encoder, error) {
			return decoded(n, DefaultNagiosConfig(), func(c NagiosConfig) (*Nagios, error) { return NewNagios(c, o) })
		},
		"status_smtp": func(n *config.Node, o Options) (Encoder, error) {
			return decoded(n, DefaultMailConfig(), func(c MailConfig) (*Mail, error) { return NewMail(c, o) })
		},
		"event": func(n *config.Node, o Options) (Encoder, error) {
			return decoded(n, DefaultEventConfig(), func(c EventConfig) (*Event, error) { return NewEvent(c, o) })
		},
		"syslog": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, DefaultSyslogConfig(), NewSyslog)
		},
		"payload": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, DefaultPayloadConfig(), NewPayload)
		},
		"protobuf": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, DefaultProtobufConfig(), NewProtobuf)
		},
		"json": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, JSONConfig{}, NewJSON)
		},
		"rst": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, RSTConfig{}, NewRST)
		},
		"es_ceilometer_resources": func(n *config.Node, _ Options) (Encoder, error) {
			return decoded(n, DefaultResourcesConfig(), NewResources)
		},
	}
}

func decoded[C any, E Encoder](n *config.Node, cfg C, open func(C) (E, error)) (Encoder, error) {
	if err := n.Decode(&cfg); err != nil {
		return nil, err
	}
	return open(cfg)
}

// Names lists the encoders Open knows, sorted.
func Names() []string {
	var names []string
	for name := range table() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Open makes the encoder called name from its section, which may be nil.
func Open(name string, section *config.Node, opt Options) (Encoder, error) {
	open, ok := table()[name]
	if !ok {
		return nil, fmt.Errorf("open encoder %q: want one of %s", name, strings.Join(Names(), ", "))
	}
	e, err := open(section, opt)
	if err != nil {
		return nil, fmt.Errorf("open encoder %s: %w", name, err)
	}
	return e, nil
}

// plainType returns a message's type without the prefix Heka gives to what its
// filters emit.
func plainType(t string) string { return strings.TrimPrefix(t, "heka.sandbox.") }

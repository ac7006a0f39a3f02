package alarmtest

import (
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
)

// newEncoder makes the encoder behind an event name. Items stand alone in tests,
// so nothing separates them.
func newEncoder(event string, section *config.Node) (encoders.Encoder, error) {
	name := map[string]string{"sensu": "status_sensu", "nagios": "status_nagios", "mail": "status_smtp"}[event]
	return encoders.Open(name, section, encoders.Options{Bare: true})
}

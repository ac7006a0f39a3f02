package alarmtest

import "github.com/tocsin-lma/tocsin/pkg/config"

func newEncoder(_ string, _ *config.Node) (Encoder, error) {
	return nil, errNoEncoder
}

package main

import (
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
)

func nativeEncoders() []string { return encoders.Names() }

// openNativeEncoder returns the function that opens the encoder called name, nil
// when there is none. One result is one item, so no separator is wanted.
func openNativeEncoder(name string, cfg map[string]any) func() (subject, error) {
	if !slices.Contains(encoders.Names(), name) {
		return nil
	}
	return func() (subject, error) {
		node, err := configNode(cfg)
		if err != nil {
			return nil, err
		}
		e, err := encoders.Open(name, node, encoders.Options{Bare: true})
		if err != nil {
			return nil, err
		}
		return &encoderSubject{encoder: e}, nil
	}
}

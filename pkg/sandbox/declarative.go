package sandbox

import (
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

type declarative struct{}

func newDeclarative(*Plugin) (*declarative, error) { return nil, nil }

func (d *declarative) process(*message.Message, message.Emit) (Result, error) { return Result{}, nil }
func (d *declarative) flushIdle(time.Time, message.Emit) error                { return nil }
func (d *declarative) flushAll(message.Emit) error                            { return nil }
func (d *declarative) holding() int                                           { return 0 }

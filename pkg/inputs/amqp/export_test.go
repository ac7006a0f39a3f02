package amqp

import (
	broker "github.com/rabbitmq/amqp091-go"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Identity is the UUID that the records of a delivery derive theirs from.
func Identity(in *Input, d broker.Delivery) message.UUID { return in.identity(d) }

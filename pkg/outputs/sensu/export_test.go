package sensu

// Datagram is what would be sent of item over UDP.
func (o *Output) Datagram(item []byte) ([]byte, error) { return o.datagram(item) }

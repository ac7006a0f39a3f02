package elasticsearch

import "net/http"

// Transport is what the output sends through.
func (o *Output) Transport() *http.Transport { return o.base }

package httpsend

import "net/http"

// Transport is what the client sends through.
func (c *Client) Transport() *http.Transport { return c.http.Transport.(*http.Transport) }

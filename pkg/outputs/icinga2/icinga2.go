// Package icinga2 sends check results to the REST interface of Icinga 2.
//
// A batch is a sequence of events (package event); each becomes the passive result
// of one service.
//
// Invariant: a result counts as delivered only when Icinga names the object it was
// applied to.
package icinga2

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/event"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// Config is the section of an Icinga output.
type Config struct {
	httpsend.Config `yaml:",inline"`

	ClusterHost string `yaml:"cluster_host"` // host of events that have none
	TTL         int    `yaml:"ttl"`          // seconds until Icinga calls a result stale; 0: the event's
	CheckSource string `yaml:"check_source"`
}

// DefaultConfig returns the defaults: the interface on this host.
func DefaultConfig() Config {
	return Config{
		Config:      httpsend.Config{Address: "https://127.0.0.1:5665"},
		ClusterHost: "00-clusters", CheckSource: "tocsin",
	}
}

// states are Icinga's numbers of our statuses.
var states = [...]int{event.Okay: 0, event.Warning: 1, event.Unknown: 3, event.Critical: 2, event.Down: 2}

// Output sends results one by one.
type Output struct {
	cfg  Config
	http *httpsend.Client
	url  string
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Output{cfg: cfg, http: client, url: client.URL().JoinPath("v1/actions/process-check-result").String()}, nil
}

type result struct {
	Service     string `json:"service"` // host!name
	State       int    `json:"exit_status"`
	Output      string `json:"plugin_output"`
	TTL         int    `json:"ttl,omitempty"`
	CheckSource string `json:"check_source,omitempty"`
}

// Send sends the results of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	return batch.Each(b, batch.Line, httpsend.Whole, func(item []byte) error {
		e, err := event.Parse(bytes.TrimSpace(item))
		if err != nil {
			return err
		}
		return o.send(ctx, e)
	})
}

func (o *Output) send(ctx context.Context, e event.Event) error {
	host := e.Host
	if host == "" {
		host = o.cfg.ClusterHost
	}
	r := result{
		// Not a filter: that answers 500 when it matches nothing.
		Service: host + "!" + e.Name,
		State:   states[e.Status], Output: e.Label + ": " + e.Text, TTL: o.cfg.TTL, CheckSource: o.cfg.CheckSource,
	}
	if r.TTL == 0 {
		r.TTL = e.TTL
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	res, err := o.http.Do(ctx, httpsend.Request{
		URL: o.url, Type: "application/json", Body: body, Header: http.Header{"Accept": {"application/json"}},
	})
	if err != nil {
		return err
	}
	if res.Status == http.StatusNotFound && gjson.GetBytes(res.Body, "error").Int() == http.StatusNotFound {
		return fmt.Errorf("%w: Icinga has no service %q on host %q; define it there", message.ErrPermanent, e.Name, host)
	}
	if err = httpsend.Check(res); err != nil {
		return err
	}
	if code := gjson.GetBytes(res.Body, "results.0.code").Int(); code != http.StatusOK {
		return fmt.Errorf("read answer of Icinga: it names no object: %s", httpsend.Excerpt(res.Body))
	}
	return nil
}

// Close closes the idle connections.
func (o *Output) Close() error { return o.http.Close() }

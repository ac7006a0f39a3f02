package sensu

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// event is a check result as the HTTP interfaces of Sensu Go want it.
type event struct {
	Entity entity `json:"entity"`
	Check  check  `json:"check"`
}

type metadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

type entity struct {
	Class    string   `json:"entity_class"`
	Metadata metadata `json:"metadata"`
}

type check struct {
	Metadata metadata `json:"metadata"`
	Output   string   `json:"output"`
	Status   int64    `json:"status"`
	Handlers []string `json:"handlers,omitempty"`
	Interval int64    `json:"interval,omitempty"`
	TTL      int64    `json:"ttl,omitempty"`
	Issued   int64    `json:"issued,omitempty"`
	Executed int64    `json:"executed,omitempty"`
}

// toEvent translates a result of the client socket.
func toEvent(result []byte, namespace string) event {
	r := gjson.ParseBytes(result)
	source := r.Get("source").String()
	if source == "" {
		source = "unknown"
	}
	e := event{
		Entity: entity{Class: "proxy", Metadata: metadata{Name: source, Namespace: namespace}},
		Check: check{
			Metadata: metadata{Name: r.Get("name").String(), Namespace: namespace},
			Output:   r.Get("output").String(),
			Status:   r.Get("status").Int(),
			Interval: max(r.Get("interval").Int(), 1),
			TTL:      r.Get("ttl").Int(),
			Issued:   r.Get("issued").Int(),
			Executed: r.Get("executed").Int(),
		},
	}
	if h := r.Get("handler").String(); h != "" {
		e.Check.Handlers = append(e.Check.Handlers, h)
	}
	for _, h := range r.Get("handlers").Array() {
		e.Check.Handlers = append(e.Check.Handlers, h.String())
	}
	return e
}

// agent posts one result to an agent.
func (o *Output) agent(ctx context.Context, result []byte) error {
	body, err := json.Marshal(toEvent(result, ""))
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	u := o.http.URL().JoinPath("events")
	return o.http.Send(ctx, httpsend.Request{URL: u.String(), Type: "application/json", Body: body})
}

// backend posts one result to a back end, which wants a token that it hands out
// for name and password and that expires.
func (o *Output) backend(ctx context.Context, result []byte) error {
	e := toEvent(result, o.cfg.Namespace)
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	u := o.http.URL().JoinPath("api/core/v2/namespaces", url.PathEscape(o.cfg.Namespace), "events",
		url.PathEscape(e.Entity.Metadata.Name), url.PathEscape(e.Check.Metadata.Name))
	for attempt := 0; ; attempt++ {
		authorization, err := o.authorize(ctx)
		if err != nil {
			return err
		}
		err = o.http.Send(ctx, httpsend.Request{
			URL: u.String(), Type: "application/json", Body: body,
			Header: http.Header{"Authorization": {authorization}},
		})
		if httpsend.Status(err) != http.StatusUnauthorized || attempt > 0 {
			return err
		}
		o.auth.token = ""
	}
}

// authorizer keeps the token of a back end.
type authorizer struct{ token string }

func (o *Output) authorize(ctx context.Context) (string, error) {
	if o.cfg.APIKey != "" {
		return "Key " + o.cfg.APIKey, nil
	}
	if o.auth.token != "" {
		return "Bearer " + o.auth.token, nil
	}
	basic := base64.StdEncoding.EncodeToString([]byte(o.cfg.Username + ":" + o.cfg.Password))
	res, err := o.http.Do(ctx, httpsend.Request{
		Method: http.MethodGet, URL: o.http.URL().JoinPath("auth").String(),
		Header: http.Header{"Authorization": {"Basic " + basic}},
	})
	if err == nil {
		err = httpsend.Check(res)
	}
	if err != nil {
		// Not wrapped: a refused login is no verdict on the result to be sent.
		return "", fmt.Errorf("log in to the back end: %v", err)
	}
	token := gjson.GetBytes(res.Body, "access_token").String()
	if token == "" {
		return "", errors.New("log in to the back end: its answer has no access_token; check url")
	}
	o.auth.token = token
	return "Bearer " + token, nil
}

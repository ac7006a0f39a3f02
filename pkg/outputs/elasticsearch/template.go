package elasticsearch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// install puts the index template there, once. A server that is away holds up
// the batch: an index made without the template keeps its wrong mappings. A
// server that refuses it is believed, and named in the log: the operator may
// have installed one by other means.
func (o *Output) install(ctx context.Context) error {
	if o.installed || len(o.template) == 0 {
		return nil
	}
	err := o.putTemplate(ctx)
	switch {
	case err == nil:
		o.logger.Info("index template installed", "template", o.cfg.TemplateName)
	case refused(err):
		o.logger.Warn("index template refused; install it by other means or set template: false",
			"template", o.cfg.TemplateName, "error", err)
	default:
		return fmt.Errorf("install index template %s: %w", o.cfg.TemplateName, err)
	}
	o.installed = true
	return nil
}

func refused(err error) bool {
	switch httpsend.Status(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return errors.Is(err, message.ErrPermanent)
}

func (o *Output) putTemplate(ctx context.Context) error {
	req := esapi.IndicesPutIndexTemplateRequest{Name: o.cfg.TemplateName, Body: bytes.NewReader(o.template)}
	res, err := req.Do(ctx, o.transport)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	return httpsend.Check(&httpsend.Response{Status: res.StatusCode, Header: res.Header, Body: body})
}

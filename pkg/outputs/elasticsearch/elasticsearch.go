// Package elasticsearch sends bulk batches to Elasticsearch 7.17 and 8, and to
// OpenSearch, through the transport and the request builders of the official
// client. (The client itself refuses servers that do not name themselves
// Elasticsearch, which OpenSearch does not.)
//
// A batch is a sequence of action lines, each with its document line. Every
// action carries the message's id and the operation "create", so a document that
// is sent again is answered 409 and counts as delivered.
//
// Invariant: Send returns nil only when the server has answered the whole bulk
// request, and every document of it is stored. On that path the batch is neither
// copied nor looked into, and of the answer only the beginning is.
package elasticsearch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/klauspost/compress/gzip"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

const (
	bulkType  = "application/x-ndjson"
	headBytes = 512      // of an answer: "errors" stands in it
	maxAnswer = 64 << 20 // bytes of an answer with errors
)

// filter is what we read of an answer. Statuses are kept for all items, as
// their order is what tells them apart.
var filter = []string{"errors", "items.*.status", "items.*.error.type", "items.*.error.reason"}

// Output sends batches to one cluster. Calls of Send are never concurrent.
type Output struct {
	cfg       Config
	logger    *slog.Logger
	transport elastictransport.Interface
	base      *http.Transport
	timeout   time.Duration
	template  []byte
	installed bool
	head      [headBytes]byte
	zipped    sync.Pool // *gzip.Writer
}

// New makes an output; the server is first asked when the first batch is sent.
func New(cfg Config, logger *slog.Logger) (*Output, error) {
	if cfg.TLS != nil && cfg.Address == "" && cfg.Server == "" && len(cfg.Servers) == 0 {
		return nil, errors.New("read server: missing; with tls it must name an https:// URL")
	}
	o := &Output{cfg: cfg, logger: logger, timeout: time.Duration(max(cfg.Timeout, cfg.HTTPTimeout))}
	var err error
	if o.base, err = httpsend.NewTransport(cfg.Config); err != nil {
		return nil, err
	}
	if o.transport, err = newTransport(cfg, o.base); err != nil {
		return nil, err
	}
	if cfg.Template {
		if o.template, err = cfg.template(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func newTransport(cfg Config, base http.RoundTripper) (elastictransport.Interface, error) {
	var urls []*url.URL
	for _, text := range cfg.servers() {
		u, err := httpsend.ParseURL("server", text)
		if err != nil {
			return nil, err
		}
		urls = append(urls, u)
	}
	header := http.Header{}
	for name, values := range cfg.Headers {
		header[http.CanonicalHeaderKey(name)] = values
	}
	options := []elastictransport.Option{
		elastictransport.WithURLs(urls...),
		elastictransport.WithTransport(base),
		elastictransport.WithHeader(header),
		elastictransport.WithDisableRetry(), // the queue before us retries
	}
	switch {
	case cfg.APIKey != "":
		options = append(options, elastictransport.WithAPIKey(cfg.APIKey))
	case cfg.Token != "":
		options = append(options, elastictransport.WithServiceToken(cfg.Token))
	case cfg.Username != "":
		options = append(options, elastictransport.WithBasicAuth(cfg.Username, cfg.Password))
	}
	t, err := elastictransport.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("make transport: %w", err)
	}
	return t, nil
}

// Close closes the idle connections.
func (o *Output) Close() error {
	o.base.CloseIdleConnections()
	return nil
}

// Send stores the documents of b. Items answered 429 or 5xx are to be sent
// again, alone; items answered with another 4xx are rejected.
func (o *Output) Send(ctx context.Context, b []byte) error {
	return o.SendParts(ctx, [][]byte{b})
}

// SendParts is Send for a batch in several parts, each of whole items. They are
// put together only when the server does not take them as they are.
func (o *Output) SendParts(ctx context.Context, parts [][]byte) error {
	whole := httpsend.NewBody(parts)
	if whole.Len() == 0 {
		return nil
	}
	if err := o.install(ctx); err != nil {
		return httpsend.Whole(err, whole.Join())
	}
	err := o.bulk(ctx, whole)
	if !batch.Permanent(err) {
		return err
	}
	return batch.Refused(ctx, whole.Join(), err, batch.Bulk, func(ctx context.Context, b []byte) error {
		return o.bulk(ctx, httpsend.NewBody([][]byte{b}))
	})
}

// bulk sends one request. It does not read b itself, but what it is made of.
func (o *Output) bulk(ctx context.Context, b *httpsend.Body) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	header := http.Header{"Content-Type": {bulkType}}
	body := b
	if o.cfg.Gzip {
		body = o.compress(b)
		header.Set("Content-Encoding", "gzip")
	}
	defer body.End()
	req := esapi.BulkRequest{Body: body, Header: header, FilterPath: filter, Pipeline: o.cfg.Pipeline}
	res, err := req.Do(ctx, describing{o.transport})
	if err != nil {
		return fmt.Errorf("send bulk request: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return httpsend.Whole(statusError(res), b.Join())
	}
	return o.readAnswer(res.Body, b)
}

// describing tells requests how long their body is, which the request builders
// do not know.
type describing struct{ elastictransport.Interface }

// Perform sends the request.
func (t describing) Perform(req *http.Request) (*http.Response, error) {
	if body, ok := req.Body.(*httpsend.Body); ok {
		body.Describe(req)
	}
	return t.Interface.Perform(req)
}

func statusError(res *esapi.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // only quoted; the status decides
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return fmt.Errorf("far side answered a bulk request with status %d, which none does: check server", res.StatusCode)
	}
	return httpsend.Check(&httpsend.Response{Status: res.StatusCode, Header: res.Header, Body: body})
}

// readAnswer reads what became of the documents. An answer without errors says
// so in its first bytes; the rest is only waited for.
func (o *Output) readAnswer(r io.Reader, b *httpsend.Body) error {
	n, err := io.ReadFull(r, o.head[:])
	whole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) // shorter than the head
	if err != nil && !whole {
		return fmt.Errorf("read bulk answer: %w", err)
	}
	head := o.head[:n]
	if failed := gjson.GetBytes(head, "errors"); failed.Type == gjson.False {
		if whole && !gjson.ValidBytes(head) {
			return errShortAnswer
		}
		if _, err = io.Copy(io.Discard, r); err != nil {
			return fmt.Errorf("read bulk answer: %w", err)
		}
		return nil
	}
	rest, err := io.ReadAll(io.LimitReader(r, maxAnswer))
	if err != nil {
		return fmt.Errorf("read bulk answer: %w", err)
	}
	answer := append(append(make([]byte, 0, n+len(rest)), head...), rest...)
	if !gjson.ValidBytes(answer) {
		return errShortAnswer
	}
	return sortItems(answer, b.Join())
}

var errShortAnswer = errors.New("read bulk answer: it is no whole JSON document; check that server names an Elasticsearch or OpenSearch node")

func (o *Output) compress(b *httpsend.Body) *httpsend.Body {
	buf := bytes.NewBuffer(make([]byte, 0, b.Len()/4+64))
	w, ok := o.zipped.Get().(*gzip.Writer)
	if ok {
		w.Reset(buf)
	} else {
		w, _ = gzip.NewWriterLevel(buf, gzip.BestSpeed) // the level is valid
	}
	_, _ = io.Copy(w, b) // a bytes.Buffer does not fail
	_ = w.Close()
	o.zipped.Put(w)
	return httpsend.NewBody([][]byte{buf.Bytes()})
}

// sortItems reads the items' statuses in an answer to b.
func sortItems(answer, b []byte) error {
	items := gjson.GetBytes(answer, "items")
	if count := batch.Count(b, batch.Bulk); len(items.Array()) != count {
		return fmt.Errorf("read bulk answer: it has %d items for a batch of %d", len(items.Array()), count)
	}
	var result message.SendError
	rest := b
	items.ForEach(func(_, item gjson.Result) bool {
		var pair []byte
		pair, rest = batch.Bulk(rest)
		item.ForEach(func(verb, outcome gjson.Result) bool {
			judge(&result, pair, verb.Str, outcome)
			return false
		})
		return true
	})
	if result.Err == nil {
		return nil
	}
	return &result
}

// judge adds one item to the result. A conflict means that the document is
// there already, except for an update, which lost a race and is to be repeated.
// A block is about the index (its disk is full, say), not about the document.
func judge(result *message.SendError, pair []byte, verb string, outcome gjson.Result) {
	status := int(outcome.Get("status").Int())
	kind := outcome.Get("error.type").Str
	switch {
	case status >= 200 && status < 300, status == http.StatusConflict && verb != "update":
		return
	case passing(status), status == http.StatusConflict, kind == "cluster_block_exception":
		result.Retry = append(result.Retry, pair...)
		result.Waiting++
	default:
		reason := fmt.Sprintf("%d %s: %s", status, kind, httpsend.Excerpt([]byte(outcome.Get("error.reason").Str)))
		result.Rejected = append(result.Rejected, message.Rejected{Item: pair, Reason: reason})
	}
	if result.Err == nil {
		result.Err = fmt.Errorf("store document: status %d, %s: %s", status, kind,
			httpsend.Excerpt([]byte(outcome.Get("error.reason").Str)))
	}
}

// passing reports whether an item's status passes with time. Every other
// one than success is an answer about the document, and final.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500 || status < 200
}

package elasticsearch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/elasticsearch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
)

// documents makes n documents as our encoder does.
func documents(index string, n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `{"create":{"_index":"%s","_id":"id-%d"}}`+"\n", index, i)
		b = fmt.Appendf(b, `{"@timestamp":"2017-03-13T09:58:41.207Z","Timestamp":"2017-03-13T09:58:41","Type":"log","Logger":"openstack.nova",`+
			`"Severity":6,"Pid":18302,"Hostname":"ctl01","Payload":"line %d","http_status":200,"programname":"nova-api"}`+"\n", i)
	}
	return b
}

// ask sends a request to the server and returns its answer.
func ask(t *testing.T, method, url, body string) gjson.Result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, string(answer))
	return gjson.ParseBytes(answer)
}

func count(t *testing.T, server, index string) int {
	t.Helper()
	ask(t, "POST", server+"/"+index+"/_refresh", "")
	return int(ask(t, "GET", server+"/"+index+"/_count", "").Get("count").Int())
}

func realServers(t *testing.T, f func(t *testing.T, server, prefix string)) {
	for _, name := range []string{"ELASTICSEARCH", "OPENSEARCH"} {
		t.Run(strings.ToLower(name), func(t *testing.T) {
			server := testserver.URL(t, name)
			prefix := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
			f(t, server, prefix)
		})
	}
}

func openReal(t *testing.T, server, prefix string, change func(*elasticsearch.Config)) *elasticsearch.Output {
	t.Helper()
	none := 0
	out := open(t, server, func(c *elasticsearch.Config) {
		c.TemplateName, c.IndexPatterns, c.Shards, c.Replicas = prefix, []string{prefix + "-*"}, 1, &none
		if change != nil {
			change(c)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, path := range []string{"/" + prefix + "-*", "/_index_template/" + prefix} {
			req, err := http.NewRequestWithContext(ctx, http.MethodDelete, server+path, nil)
			require.NoError(t, err)
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
		}
	})
	return out
}

func TestRealStoresOnce(t *testing.T) {
	realServers(t, func(t *testing.T, server, prefix string) {
		index := prefix + "-2017.03.13"
		b := documents(index, 3000)
		for _, zip := range []bool{false, true, false} {
			out := openReal(t, server, prefix, func(c *elasticsearch.Config) { c.Gzip = zip })
			require.Empty(t, outputtest.Deliver(t, out, b))
			require.Equal(t, 3000, count(t, server, index), "sent again, stored once")
		}
		one := ask(t, "GET", server+"/"+index+"/_doc/id-2999", "")
		require.Equal(t, "line 2999", one.Get("_source.Payload").String())
		require.EqualValues(t, 1, one.Get("_version").Int())
		properties := ask(t, "GET", server+"/"+index+"/_mapping", "").Get("*.mappings.properties")
		for field, kind := range map[string]string{
			"Payload": "text", "Logger": "keyword", "programname": "keyword", "Timestamp": "date", "Severity": "byte", "http_status": "double",
		} {
			require.Equal(t, kind, properties.Get(field+".type").String(), field)
		}
	})
}

func TestRealRejectsAlone(t *testing.T) {
	realServers(t, func(t *testing.T, server, prefix string) {
		index := prefix + "-2017.03.13"
		out := openReal(t, server, prefix, nil)
		b := documents(index, 10)
		bad := fmt.Sprintf(`{"create":{"_index":"%s","_id":"bad"}}`+"\n"+`{"Severity":"not a number"}`+"\n", index)
		err := out.Send(t.Context(), append(b, bad...))
		var partial *message.SendError
		require.ErrorAs(t, err, &partial)
		require.Empty(t, partial.Retry)
		require.Len(t, partial.Rejected, 1)
		require.Equal(t, bad, string(partial.Rejected[0].Item))
		require.Contains(t, partial.Rejected[0].Reason, "400")
		require.Equal(t, 10, count(t, server, index))
	})
}

// TestRealFindsMalformedAction has one action the server cannot even read, for
// which it refuses the whole request.
func TestRealFindsMalformedAction(t *testing.T) {
	realServers(t, func(t *testing.T, server, prefix string) {
		index := prefix + "-2017.03.13"
		out := openReal(t, server, prefix, nil)
		b := documents(index, 20)
		b = append(b, `{"create":{"_index":["a"],"_nonsense":{}}}`+"\n{}\n"...)
		err := out.Send(t.Context(), b)
		var partial *message.SendError
		require.ErrorAs(t, err, &partial)
		require.Len(t, partial.Rejected, 1)
		require.Equal(t, 20, count(t, server, index))
	})
}

// TestRealBlockedIndex makes an index read-only, as a server does whose disk is
// full: nothing may be given up, and all is stored when the block is lifted.
func TestRealBlockedIndex(t *testing.T) {
	realServers(t, func(t *testing.T, server, prefix string) {
		index := prefix + "-2017.03.13"
		out := openReal(t, server, prefix, nil)
		require.NoError(t, out.Send(t.Context(), documents(index, 1)))
		block := func(on string) {
			ask(t, "PUT", server+"/"+index+"/_settings", `{"index.blocks.read_only_allow_delete":`+on+`}`)
		}
		block("true")
		err := out.Send(t.Context(), documents(index, 20))
		var partial *message.SendError
		if errors.As(err, &partial) {
			require.Empty(t, partial.Rejected)
		}
		require.Error(t, err)
		block("null")
		require.Empty(t, outputtest.Deliver(t, out, documents(index, 20)))
		require.Equal(t, 20, count(t, server, index))
	})
}

func TestRealDataStream(t *testing.T) {
	server := testserver.URL(t, "OPENSEARCH") // Elasticsearch has them in a part that is not published
	prefix := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
	stream := prefix + "-logs"
	out := openReal(t, server, prefix, func(c *elasticsearch.Config) { c.DataStream = true })
	for range 2 {
		require.Empty(t, outputtest.Deliver(t, out, documents(stream, 100)))
	}
	require.Equal(t, 100, count(t, server, stream))
	require.Equal(t, stream, ask(t, "GET", server+"/_data_stream/"+stream, "").Get("data_streams.0.name").String())
	ask(t, "DELETE", server+"/_data_stream/"+stream, "")
}

// TestRealCrash kills the server with kill -9 while batches are sent: every
// document that was confirmed is there, once.
func TestRealCrash(t *testing.T) {
	server := testserver.URL(t, "ELASTICSEARCH")
	prefix := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
	index := prefix + "-2017.03.13"
	out := openReal(t, server, prefix, nil)
	items := batch.Split(documents(index, 20_000), batch.Bulk)
	var batches [][]byte
	for i := 0; i < len(items); i += 500 {
		batches = append(batches, bytes.Join(items[i:i+500], nil))
	}
	outputtest.DeliverThroughCrashes(t, out, batches, func() {
		testserver.Crash(t, "elasticsearch")
		testserver.Start(t, "elasticsearch")
	})
	require.Equal(t, 20_000, count(t, server, index))
}

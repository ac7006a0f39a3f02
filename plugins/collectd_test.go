package plugins_test

import (
	"encoding/json"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// mappingRow is a row of testdata/collectd_mapping.tsv: what collectd reports
// and the metric that it must become. Words in angle brackets stand for any text.
type mappingRow struct {
	plugin, pluginInstance, kind, typeInstance, sources, meta string
	name, dimensions, unit, change, others                    string
}

func mappingRows(t *testing.T) []mappingRow {
	t.Helper()
	data, err := os.ReadFile("testdata/collectd_mapping.tsv")
	require.NoError(t, err)
	var rows []mappingRow
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	for _, line := range lines[1:] {
		c := strings.Split(strings.NewReplacer("<", "", ">", "").Replace(line), "\t")
		for len(c) < 11 {
			c = append(c, "")
		}
		rows = append(rows, mappingRow{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10]})
	}
	require.Greater(t, len(rows), 190)
	return rows
}

// sample is the JSON collectd would post for the row; the i-th value is 10*(i+1).
func (r mappingRow) sample(t *testing.T) (payload string, values map[string]float64) {
	t.Helper()
	names := strings.Split(r.sources, ",")
	kinds, list := make([]string, len(names)), make([]float64, len(names))
	values = map[string]float64{}
	for i, name := range names {
		kinds[i], list[i] = "gauge", float64(10*(i+1))
		values[name] = list[i]
	}
	s := map[string]any{
		"plugin": r.plugin, "plugin_instance": r.pluginInstance, "type": r.kind, "type_instance": r.typeInstance,
		"values": list, "dsnames": names, "dstypes": kinds, "time": 1489399990.25, "interval": 10, "host": r.host(),
	}
	if r.meta != "" {
		var meta map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.meta), &meta))
		s["meta"] = meta
	}
	text, err := json.Marshal([]any{s})
	require.NoError(t, err)
	return string(text), values
}

func (r mappingRow) host() string {
	if r.plugin == "libvirt" || r.plugin == "virt" {
		return "instance-uuid"
	}
	return "host"
}

// source names the data source whose metric the row describes.
func (r mappingRow) source() string {
	names := strings.Split(r.sources, ",")
	best := names[0]
	for _, name := range names {
		if len(names) > 1 && strings.HasSuffix(r.name, "_"+name) && (len(name) > len(best) || !strings.HasSuffix(r.name, "_"+best)) {
			best = name
		}
	}
	return best
}

func (r mappingRow) value(t *testing.T, values map[string]float64) float64 {
	t.Helper()
	v := values[r.source()]
	if factor, ok := strings.CutPrefix(r.change, "value x"); ok {
		f, err := strconv.ParseFloat(factor, 64)
		require.NoError(t, err)
		v *= f
	}
	return v
}

// TestCollectdMapping checks every row of the mapping table.
func TestCollectdMapping(t *testing.T) {
	p := openDecoder(t, "collectd", map[string]any{"hostname": "config-hostname", "swap_size": 10})
	for i, row := range mappingRows(t) {
		t.Run(strconv.Itoa(i+2)+"_"+row.name, func(t *testing.T) {
			payload, values := row.sample(t)
			var got []*message.Message
			res, err := p.Process(&message.Message{Type: "x", Hostname: "self", Payload: payload, Timestamp: 1}, func(m *message.Message) error {
				got = append(got, m.Clone())
				return nil
			})
			require.NoError(t, err)
			require.Zero(t, res.Code, "rejected: %s", res.Text)
			if row.name == "(dropped)" {
				require.Empty(t, got)
				return
			}
			row.check(t, find(t, got, row.name), values)
		})
	}
}

func find(t *testing.T, list []*message.Message, name string) *message.Message {
	t.Helper()
	var names []string
	for _, m := range list {
		if f := m.Field("name"); f != nil && f.At(0).Str() == name {
			return m
		} else if f != nil {
			names = append(names, f.At(0).Str())
		}
	}
	require.Failf(t, "no such metric", "want %s, got %v", name, names)
	return nil
}

func (r mappingRow) check(t *testing.T, m *message.Message, values map[string]float64) {
	t.Helper()
	value := m.Field("value")
	require.NotNil(t, value)
	require.InEpsilon(t, r.value(t, values), value.At(0).Double(), 1e-9)
	require.Equal(t, r.unit, value.Representation)
	require.Equal(t, "metric", m.Type)
	require.Equal(t, "collectd", m.Logger)
	require.EqualValues(t, 6, m.Severity())
	require.Equal(t, int64(1489399990250000000), m.Timestamp)

	var want, got []string
	for _, pair := range split(r.dimensions) {
		name, text, _ := strings.Cut(pair, "=")
		want = append(want, name)
		requireField(t, m, name, text)
	}
	if tags := m.Field("tag_fields"); tags != nil {
		for i := range tags.Len() {
			got = append(got, tags.At(i).Str())
		}
	}
	sort.Strings(want)
	sort.Strings(got)
	require.Equal(t, want, got)
	for _, pair := range split(r.others) {
		name, text, _ := strings.Cut(pair, "=")
		requireField(t, m, name, text)
	}
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ", ")
}

func requireField(t *testing.T, m *message.Message, name, text string) {
	t.Helper()
	f := m.Field(name)
	require.NotNil(t, f, "field %s", name)
	require.Equal(t, text, f.At(0).Text(), "field %s", name)
}

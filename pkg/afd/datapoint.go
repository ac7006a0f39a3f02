package afd

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ErrNoValue says that a metric message carries no usable value.
var ErrNoValue = errors.New("metric without a usable value")

// datapoint is a metric message as rules see it.
type datapoint struct {
	m      *message.Message
	name   string
	bucket int64
	multi  bool
	names  *message.Field // value_fields of a multi-value metric
	value  float64
	logs   *message.Field // the log lines it was made of; nil: none
}

// metricName returns the metric a message is about, if it is one: its type ends
// in "metric" and it has a name.
func metricName(m *message.Message) (string, bool) {
	if !strings.HasSuffix(m.Type, "metric") {
		return "", false
	}
	f := m.Field("name")
	if f == nil || f.Len() == 0 || f.Type != message.String {
		return "", false
	}
	return f.At(0).Str(), true
}

// read fills d from m. late in the error sense are only messages without a value;
// ahead reports a timestamp beyond the skew limit.
func (d *datapoint) read(m *message.Message, name string, now time.Time, skew time.Duration) (ahead bool, err error) {
	ts, clock := m.Timestamp, now.UnixNano()
	if ts == 0 {
		ts = clock
	}
	if ts > clock+int64(skew) {
		return true, nil
	}
	*d = datapoint{m: m, name: name, bucket: bucketOf(ts), logs: m.Field(LogLinesField)}
	if f := m.Field("value_fields"); f != nil && f.Len() > 0 {
		d.multi, d.names = true, f
		return false, nil
	}
	f := m.Field("value")
	if f == nil || f.Len() == 0 {
		return false, fmt.Errorf("read metric %s: Fields[value] is missing: %w", name, ErrNoValue)
	}
	v, ok := f.At(0).Number()
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return false, fmt.Errorf("read metric %s: Fields[value] is %q, want a finite number: %w", name, f.At(0).Text(), ErrNoValue)
	}
	d.value = v
	return false, nil
}

// pick returns the value that a rule with that `value` key reads.
func (d *datapoint) pick(key string) (float64, bool) {
	if !d.multi {
		return d.value, true
	}
	if key == "" {
		return 0, false
	}
	for i := range d.names.Len() {
		if d.names.At(i).Str() != key {
			continue
		}
		v, ok := d.m.Number(key)
		return v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return 0, false
}

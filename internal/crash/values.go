package crash

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// firstValue is the number of the first value: above all lines of a feed.
const firstValue = 50_000_000

// Values posts numbered values as collectd does: an array of JSON a post, never
// posted again. A value is owed to the sinks when its post was answered 2xx; one
// without an answer may arrive or not.
type Values struct {
	url    string
	client http.Client

	mu       sync.Mutex
	next     int
	accepted []int         // numbers
	whole    map[*Sink]int // how many of them, from the first on, have arrived
}

// NewValues posts to a URL.
func NewValues(url string) *Values {
	return &Values{url: url, whole: map[*Sink]int{}, client: http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Post posts n values over a time, fifty at a time.
func (v *Values) Post(ctx context.Context, n int, spread time.Duration) {
	const each = 50
	for range n / each {
		v.post(ctx, each)
		pause(ctx, spread*each/time.Duration(n))
		if ctx.Err() != nil {
			return
		}
	}
}

func (v *Values) post(ctx context.Context, n int) {
	v.mu.Lock()
	first := v.next
	v.next += n
	v.mu.Unlock()
	var items []string
	for i := first; i < first+n; i++ {
		items = append(items, fmt.Sprintf(`{"values":[%d],"dstypes":["gauge"],"dsnames":["value"],"time":%d.%03d,"interval":1,"host":"seq=%09d",`+
			`"plugin":"users","plugin_instance":"","type":"users","type_instance":""}`,
			i, 1_700_000_000+i/1000, i%1000, firstValue+i))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url, strings.NewReader("["+strings.Join(items, ",")+"]"))
	if err != nil {
		return
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return // collectd would give it up too
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return
	}
	v.mu.Lock()
	for i := first; i < first+n; i++ {
		v.accepted = append(v.accepted, firstValue+i)
	}
	v.mu.Unlock()
}

// Posted is how many values were posted, answered or not.
func (v *Values) Posted() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.next
}

// Accepted is how many were answered 2xx.
func (v *Values) Accepted() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.accepted)
}

// Missing is how many accepted values a sink does not have.
func (v *Values) Missing(s *Sink) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for v.whole[s] < len(v.accepted) && s.ids[v.accepted[v.whole[s]]] != 0 {
		v.whole[s]++
	}
	for _, number := range v.accepted[v.whole[s]:] {
		if s.ids[number] == 0 {
			n++
		}
	}
	return n
}

package collectd

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

type madeMessage = *message.Message

// series is what is known of a time series: the messages its samples become.
type series struct{ metrics []metric }

// metric is one message of a series; value and time are filled in for each sample.
type metric struct {
	msg             message.Message
	value           int // index of the value it is made of
	field           int // index of the field that holds it
	scaled          bool
	factor, divisor float64
}

// cache remembers series: those that were used since it was last full, and those
// of the time before that, so at least as many as most, and at most twice as many.
type cache struct {
	most       int
	young, old map[string]*series
}

func newCache(most int) *cache {
	return &cache{most: max(most, 1), young: map[string]*series{}}
}

func (c *cache) get(key []byte) *series {
	if s := c.young[string(key)]; s != nil {
		return s
	}
	s := c.old[string(key)]
	if s != nil {
		c.put(key, s)
	}
	return s
}

func (c *cache) put(key []byte, s *series) {
	if len(c.young) >= c.most {
		c.young, c.old = make(map[string]*series, c.most), c.young
	}
	c.young[string(key)] = s
}

// script hands one sample to the module that knows them all.
const script = `
local known = require "collectd_known_series"
local sample = require "collectd_sample"
function process_message()
    return sample.learn(read_message("Payload"), known.values(), known.note)
end
`

// asker asks Lua about one sample at a time.
type asker struct {
	opts   sandbox.Options
	plugin *sandbox.Plugin // nil after it ended
	left   int             // how often it may still be opened anew for this record
	ended  error

	values  int // of the sample that Lua is asked about; -1: it is not shaped like one
	notes   []note
	learned bool
	broken  bool
}

// note is what Lua says of a message before it emits it.
type note struct {
	value           int
	factor, divisor float64
}

func newAsker(opts sandbox.Options) (*asker, error) {
	a := &asker{}
	native := map[string]sandbox.Loader{"collectd_known_series": a.module}
	for name, open := range opts.Native {
		native[name] = open
	}
	opts.Kind, opts.Native = sandbox.KindDecoder, native
	opts.Script, opts.Source, opts.FromDisk = "collectd", []byte(script), false
	a.opts = opts
	return a, a.open()
}

func (a *asker) open() error {
	plugin, err := sandbox.Open(a.opts)
	if err != nil {
		return err
	}
	a.plugin = plugin
	return nil
}

func (a *asker) close() error {
	if a.plugin == nil {
		return nil
	}
	err := a.plugin.Close(nil)
	a.plugin = nil
	return err
}

// module opens the Lua module collectd_known_series.
func (a *asker) module(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"values": func(L *lua.LState) int {
			L.Push(lua.LNumber(a.values))
			return 1
		},
		"note": func(L *lua.LState) int {
			switch value := L.CheckInt(1); value {
			case -1:
				a.broken = true
			case 0:
				a.learned = true
			default:
				a.notes = append(a.notes, note{value - 1, float64(L.CheckNumber(2)), float64(L.CheckNumber(3))})
			}
			return 0
		},
	}))
	return 1
}

// ask returns what is to be known of a sample with that many values, or, if it is
// not shaped like one (-1) or the next one may be different, its messages.
func (a *asker) ask(raw *message.Message, text string, values int) (*series, []*message.Message, error) {
	if a.plugin == nil {
		if a.left == 0 {
			return nil, nil, fmt.Errorf("the plugin ended too often: %w", a.ended)
		}
		if err := a.open(); err != nil {
			a.left = 0
			return nil, nil, err
		}
	}
	a.values, a.notes, a.learned, a.broken = values, a.notes[:0], false, false
	one := *raw
	one.Payload = text
	var made []*message.Message
	res, err := a.plugin.Process(&one, func(m *message.Message) error {
		made = append(made, m.Clone())
		return nil
	})
	switch {
	case err != nil:
		a.left--
		a.ended = err
		_ = a.close() // the error that ended it is the one to report
		return nil, nil, err
	case a.broken:
		return nil, nil, notJSON(text)
	case res.Code != 0:
		return nil, nil, errors.New(res.Text)
	case a.learned:
		if s := seriesOf(made, a.notes, values); s != nil {
			return s, nil, nil
		}
		return a.ask(raw, text, -1)
	}
	return nil, made, nil
}

// seriesOf pairs messages with what was noted of them; nil if they do not fit.
func seriesOf(made []*message.Message, notes []note, values int) *series {
	if len(made) != len(notes) {
		return nil
	}
	s := &series{metrics: make([]metric, len(made))}
	for i, m := range made {
		n := notes[i]
		k := metric{msg: *m, value: n.value, field: -1, factor: n.factor, divisor: n.divisor, scaled: n.factor != 1 || n.divisor != 1}
		for j := range m.Fields {
			if m.Fields[j].Name == "value" {
				k.field = j
				break
			}
		}
		if k.field < 0 || k.value < 0 || k.value >= values {
			return nil
		}
		if f := &m.Fields[k.field]; f.Len() != 1 || f.Type != message.Double || f.At(0).Double() != n.factor/n.divisor {
			return nil
		}
		k.msg.Payload = ""
		s.metrics[i] = k
	}
	return s
}

var _ decoders.Decoder = (*Decoder)(nil)

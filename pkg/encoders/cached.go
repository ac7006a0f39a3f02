package encoders

import (
	"strings"
	"time"
)

// What is the same in message after message is written as JSON once. The caches
// hold copies of their own: nothing of a message is kept.

// nameSlots is how many field names are kept; a name has but one place.
const nameSlots = 256

// names holds field names as the keys of a document.
type names struct {
	slots []name // nil until the first message
}

type name struct {
	text string
	key  []byte // with quotes and colon
}

// nameSlot returns the place of a name. It need not be its alone.
func nameSlot(s string) uint {
	if s == "" {
		return 0
	}
	return (uint(len(s))*7 + uint(s[0]) + uint(s[len(s)/2])*5 + uint(s[len(s)-1])*3) % nameSlots
}

// append appends the key for the name s, which has that slot. The first name of
// a slot keeps it: names that hostile messages make up cannot grow the cache.
func (c *names) append(dst []byte, slot uint, s string) []byte {
	if c.slots == nil {
		c.slots = make([]name, nameSlots)
	}
	n := &c.slots[slot]
	if n.key == nil && len(s) <= maxCached {
		n.text, n.key = strings.Clone(s), appendKey(nil, s)
	}
	if n.key != nil && n.text == s {
		return append(dst, n.key...)
	}
	return appendKey(dst, s)
}

// appendKey appends the key of a field in a document.
func appendKey(dst []byte, s string) []byte {
	if s == "" || s[0] <= '_' && reserved(s) {
		s = "fields_" + s
	}
	return append(appendString(dst, s), ':')
}

// maxCached bounds the texts that are kept, in bytes.
const maxCached = 256

// cachedText is a text that seldom changes, such as a host's name.
type cachedText struct {
	text string
	json []byte
}

func (c *cachedText) append(dst []byte, s string) []byte {
	if c.text != s || c.json == nil {
		if len(s) > maxCached {
			return appendString(dst, s)
		}
		c.text, c.json = strings.Clone(s), appendString(c.json[:0], s)
	}
	return append(dst, c.json...)
}

// clock keeps the text of the last second.
type clock struct {
	second int64
	text   []byte // nil: none yet
}

// appendSeconds appends what the function of that name does.
func (c *clock) appendSeconds(dst []byte, ns int64) []byte {
	second, _ := floorDiv(ns, int64(time.Second))
	return append(dst, c.of(second, ns)...)
}

// appendExact appends what the function of that name does.
func (c *clock) appendExact(dst []byte, ns int64) []byte {
	second, nano := floorDiv(ns, int64(time.Second))
	return appendFraction(append(dst, c.of(second, ns)...), int(nano))
}

func (c *clock) of(second, ns int64) []byte {
	if c.text == nil || second != c.second {
		c.second, c.text = second, appendSeconds(c.text[:0], civilOf(ns))
	}
	return c.text
}

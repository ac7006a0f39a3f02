package sensu

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// cutMark ends a text that was cut.
const cutMark = "..."

// clean makes sure that a check result is one an agent survives: valid JSON, a
// name and a source of letters, digits, `_`, `.` and `-` only, a text. A Sensu Go
// agent stops listening on UDP after one result that is not. Bad characters are
// replaced by `_`; what cannot be mended is an error. A good result comes back
// as it is, without its line feed.
func clean(item []byte) ([]byte, error) {
	item = bytes.TrimSpace(item)
	if !gjson.ValidBytes(item) || item[0] != '{' {
		return nil, errors.New("it is not a JSON object")
	}
	name, source := gjson.GetBytes(item, "name").String(), gjson.GetBytes(item, "source").String()
	output := gjson.GetBytes(item, "output").String()
	switch {
	case name == "":
		return nil, errors.New("it has no name")
	case validName(name) && (source == "" || validName(source)) && strings.TrimSpace(output) != "":
		return item, nil
	}
	changes := map[string]string{"name": mendName(name)}
	if source != "" {
		changes["source"] = mendName(source)
	}
	if strings.TrimSpace(output) == "" {
		changes["output"] = "no text"
	}
	return change(item, changes)
}

// change replaces texts of a JSON object.
func change(item []byte, texts map[string]string) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(item, &all); err != nil {
		return nil, fmt.Errorf("read check result: %w", err)
	}
	for key, text := range texts {
		var buf bytes.Buffer
		e := json.NewEncoder(&buf)
		e.SetEscapeHTML(false)
		if err := e.Encode(text); err != nil {
			return nil, fmt.Errorf("write %s: %w", key, err)
		}
		all[key] = bytes.TrimSpace(buf.Bytes())
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(all); err != nil {
		return nil, fmt.Errorf("write check result: %w", err)
	}
	return bytes.TrimSpace(buf.Bytes()), nil
}

// fit cuts the output text until the result has at most limit bytes.
func fit(item []byte, limit int) ([]byte, error) {
	output := gjson.GetBytes(item, "output").String()
	for len(item) > limit {
		// What stands in the item for a character may be longer than it, never
		// shorter, so this ends.
		keep := len(strings.TrimSuffix(output, cutMark)) - max(1, (len(item)-limit)/6)
		if keep <= 0 {
			return nil, fmt.Errorf("it has %d bytes without its text, max_size is %d", len(item), limit)
		}
		for keep > 0 && !utf8.RuneStart(output[keep]) {
			keep--
		}
		output = output[:keep] + cutMark
		var err error
		if item, err = change(item, map[string]string{"output": output}); err != nil {
			return nil, err
		}
	}
	return item, nil
}

func validName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-'
}

func mendName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && nameByte(byte(r)) {
			return r
		}
		return '_'
	}, s)
}

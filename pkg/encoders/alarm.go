package encoders

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// related is the line between direct alarms and hints.
const related = "Other related alarms:"

// AlarmLines returns the human text of the alarms in the payload of an AFD or GSE
// message, one line each: the direct ones, then, after a line of their own, the
// hints.
func AlarmLines(payload string) []string {
	if !gjson.Valid(payload) {
		return nil
	}
	var direct, hints []string
	gjson.Get(payload, "alarms").ForEach(func(_, alarm gjson.Result) bool {
		if !alarm.IsObject() {
			return true
		}
		text := string(appendAlarm(nil, alarm))
		if alarm.Get("tags.dependency_level").Str == "hint" {
			hints = append(hints, text)
		} else {
			direct = append(direct, text)
		}
		return true
	})
	if len(hints) > 0 {
		direct = append(append(direct, related), hints...)
	}
	return direct
}

// appendAlarm appends MESSAGE (SEVERITY, rule='FUNCTION(METRIC)OPERATOR
// THRESHOLD', current=VALUE[, host=HOST]), without the blank.
func appendAlarm(dst []byte, alarm gjson.Result) []byte {
	dst = append(dst, alarm.Get("message").String()...)
	dst = append(append(dst, " ("...), alarm.Get("severity").String()...)
	function, operator := alarm.Get("function").String(), alarm.Get("operator").String()
	if operator == "" && function == "roc" {
		operator = ">"
	}
	dst = append(append(append(dst, ", rule='"...), function...), '(')
	dst = append(dst, alarm.Get("metric").String()...)
	dst = appendAlarmFields(dst, alarm.Get("fields"))
	dst = append(append(dst, ')'), operator...)
	if threshold := alarm.Get("threshold"); threshold.Type == gjson.Number {
		dst = strconv.AppendFloat(dst, threshold.Num, 'g', 14, 64)
	} else {
		dst = append(dst, threshold.String()...)
	}
	dst = append(dst, "', current="...)
	dst = strconv.AppendFloat(dst, alarm.Get("value").Float(), 'f', 2, 64)
	if host := alarm.Get("hostname").String(); host != "" {
		dst = append(append(dst, ", host="...), host...)
	}
	return append(dst, ')')
}

func appendAlarmFields(dst []byte, fields gjson.Result) []byte {
	if !fields.IsObject() {
		return dst
	}
	var pairs []tag
	fields.ForEach(func(key, value gjson.Result) bool {
		pairs = append(pairs, tag{key.String(), value.String()})
		return true
	})
	if len(pairs) == 0 {
		return dst
	}
	slices.SortStableFunc(pairs, func(a, b tag) int { return strings.Compare(a.key, b.key) })
	for i, p := range pairs {
		separator := byte(',')
		if i == 0 {
			separator = '['
		}
		dst = append(append(append(dst, separator), p.key...), `="`...)
		dst = append(append(dst, p.value...), '"')
	}
	return append(dst, ']')
}

// isStatus reports whether m is a verdict: an AFD or GSE message, by its present
// or an older name of the type.
func isStatus(m *message.Message) (afd, gse bool) {
	t := plainType(m.Type)
	if !strings.HasSuffix(t, "_metric") {
		return false, false
	}
	return strings.HasPrefix(t, "afd_"), strings.HasPrefix(t, "gse_")
}

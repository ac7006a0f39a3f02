package file

import (
	"fmt"
	"strings"
	"time"
)

// layouts are the directives of strftime that a path may hold, as Go writes them.
var layouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'j': "002", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'F': "2006-01-02", 'T': "15:04:05", 'Z': "MST", 'z': "-0700",
}

// expand replaces the directives of strftime in path.
func expand(path string, now time.Time) (string, error) {
	if strings.IndexByte(path, '%') < 0 {
		return path, nil
	}
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out.WriteByte(path[i])
			continue
		}
		i++
		switch {
		case i == len(path):
			return "", fmt.Errorf("read path: %q ends within a directive; write %%%% for a percent sign", path)
		case path[i] == '%':
			out.WriteByte('%')
		case layouts[path[i]] != "":
			out.WriteString(now.Format(layouts[path[i]]))
		default:
			return "", fmt.Errorf("read path: %q holds the unknown directive %%%c", path, path[i])
		}
	}
	return out.String(), nil
}

package config

import (
	"fmt"
	"strings"
)

// interpolate replaces ${env:NAME}, ${env:NAME:-default} and ${file:PATH} in a
// scalar; "$${" stands for a literal "${". secret is true when a file was read.
func (l *loader) interpolate(s string) (text string, secret, changed bool, err error) {
	if !strings.Contains(s, "${") {
		return s, false, false, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), secret, changed, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s, changed = s[i+2:], true
			continue
		}
		name, isEnv := strings.CutPrefix(s[i+2:], "env:")
		path, isFile := strings.CutPrefix(s[i+2:], "file:")
		if !isEnv && !isFile {
			// Not ours: templates of other tools pass through.
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		rest := name
		if isFile {
			rest = path
		}
		body, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false, false, fmt.Errorf("%q lacks its closing brace", s[i:])
		}
		value, err := l.resolve(body, isFile)
		if err != nil {
			return "", false, false, err
		}
		b.WriteString(value)
		s, changed, secret = after, true, secret || isFile
	}
}

func (l *loader) resolve(body string, isFile bool) (string, error) {
	if isFile {
		data, err := l.readFile(body)
		if err != nil {
			return "", fmt.Errorf("resolve ${file:%s}: %w", body, err)
		}
		return strings.TrimRight(string(data), "\r\n"), nil
	}
	name, fallback, hasFallback := strings.Cut(body, ":-")
	if value, ok := l.env(name); ok && (value != "" || !hasFallback) {
		return value, nil
	}
	if !hasFallback {
		return "", fmt.Errorf("environment variable %s is not set; set it, or give a default: ${env:%s:-value}", name, name)
	}
	return fallback, nil
}

var secretWords = [...]string{"password", "passwd", "secret", "token", "api_key", "apikey", "hmac_key", "private_key"}

func secretKey(key string) bool {
	key = strings.ToLower(key)
	for _, w := range secretWords {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

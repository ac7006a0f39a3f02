package logstream_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
)

// line makes a line of a length that no buffer expects.
func (m *model) line() string {
	m.next++
	long := m.rnd.IntN(80)
	if m.rnd.IntN(200) == 0 {
		long = 150 << 10
	}
	line := fmt.Sprintf("line %d %s", m.next-1, strings.Repeat("x", long))
	m.born[line] = m.disks
	return line
}

func (m *model) write(name, text string) {
	f, err := os.OpenFile(m.path(name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	require.NoError(m.t, err)
	_, err = f.WriteString(text)
	require.NoError(m.t, err)
	require.NoError(m.t, f.Close())
}

func (m *model) append() {
	var text strings.Builder
	for range 1 + m.rnd.IntN(6) {
		line := m.half
		if m.half = ""; line == "" {
			line = m.line()
			text.WriteString(line + "\n")
		} else {
			text.WriteString(line[len(line)/2:] + "\n")
		}
		m.files["app.log"] = append(m.files["app.log"], line)
	}
	m.write("app.log", text.String())
}

// appendHalf writes the first half of a line; the next append writes the other.
func (m *model) appendHalf() {
	if m.half == "" {
		m.half = m.line()
		m.write("app.log", m.half[:len(m.half)/2])
	}
}

// complete ends the line that is being written: what rotates does so between
// two lines, or a line would be torn.
func (m *model) complete() {
	if m.half != "" {
		m.append()
	}
	if _, ok := m.files["app.log"]; !ok {
		m.append()
	}
}

// take excuses the lines of a file that nobody has read safely, because it goes.
func (m *model) take(name string) {
	for _, line := range m.files[name] {
		if !m.delivered[line] {
			m.excuse(line)
		}
	}
	delete(m.files, name)
}

func (m *model) excuse(line string) {
	words := strings.SplitN(line, " ", 3)
	m.excused[words[0]+" "+words[1]+" "] = true
	if m.full && m.born[line] == m.disks && !m.delivered[line] {
		m.barred[line] = true
	}
}

// shift makes room for the newest of the rotated files and names it.
func (m *model) shift() string {
	if m.dated {
		m.day++
		return fmt.Sprintf("app.log-%d", 20260100+m.day)
	}
	const keep = 5
	for i := keep; i > 0; i-- {
		for _, end := range []string{"", ".gz"} {
			from, to := fmt.Sprintf("app.log.%d%s", i, end), fmt.Sprintf("app.log.%d%s", i+1, end)
			if _, ok := m.files[from]; !ok {
				continue
			}
			if i == keep {
				m.take(from)
				require.NoError(m.t, os.Remove(m.path(from)))
				continue
			}
			m.move(from, to)
			if m.rnd.IntN(10) == 0 {
				m.step(true)
			}
		}
	}
	return "app.log.1"
}

func (m *model) move(from, to string) {
	require.NoError(m.t, os.Rename(m.path(from), m.path(to)))
	m.files[to] = m.files[from]
	delete(m.files, from)
}

func (m *model) rotate() {
	m.complete()
	m.move("app.log", m.shift())
	if m.rnd.IntN(3) == 0 {
		m.step(true)
	}
	m.append()
}

// copyTruncate copies in two parts, and lines may be written until it truncates.
func (m *model) copyTruncate() {
	m.complete()
	name := m.shift()
	data, err := os.ReadFile(m.path("app.log"))
	require.NoError(m.t, err)
	m.files[name] = slices.Clone(m.files["app.log"])
	half := m.rnd.IntN(len(data) + 1)
	m.write(name, string(data[:half]))
	if m.rnd.IntN(3) == 0 {
		m.step(m.rnd.IntN(2) == 0)
	}
	m.write(name, string(data[half:]))
	copied := len(m.files[name])
	if m.rnd.IntN(3) == 0 {
		m.append()
	}
	if m.rnd.IntN(3) == 0 {
		m.step(m.rnd.IntN(2) == 0)
	}
	for _, line := range m.files["app.log"][copied:] { // those the tool loses
		m.excuse(line)
	}
	m.clear()
}

// clear truncates app.log and perhaps writes to it before anybody looks.
func (m *model) clear() {
	require.NoError(m.t, os.Truncate(m.path("app.log"), 0))
	m.files["app.log"] = nil
	for range m.rnd.IntN(6) {
		m.append()
	}
}

func (m *model) truncate() {
	m.complete()
	m.take("app.log")
	m.clear()
}

func (m *model) rotated() string {
	var names []string
	for name := range m.files {
		if name != "app.log" && !strings.HasSuffix(name, ".gz") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return names[m.rnd.IntN(len(names))]
}

func (m *model) compress() {
	name := m.rotated()
	if name == "" {
		return
	}
	data, err := os.ReadFile(m.path(name))
	require.NoError(m.t, err)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err = w.Write(data)
	require.NoError(m.t, err)
	require.NoError(m.t, w.Close())
	half := m.rnd.IntN(z.Len())
	m.write(name+".gz", string(z.Bytes()[:half]))
	if m.rnd.IntN(3) == 0 {
		m.step(true)
	}
	m.write(name+".gz", string(z.Bytes()[half:]))
	m.files[name+".gz"] = m.files[name]
	delete(m.files, name)
	require.NoError(m.t, os.Remove(m.path(name)))
}

func (m *model) delete() {
	if name := m.rotated(); name != "" {
		m.take(name)
		require.NoError(m.t, os.Remove(m.path(name)))
	}
}

// disk makes the journal impossible to write, or possible again.
func (m *model) disk(full bool) {
	if m.full != full {
		m.full = full
		m.disks++
	}
	tmp := filepath.Join(m.data, "logstreamer", "app.json.tmp")
	if full {
		err := os.MkdirAll(filepath.Join(tmp, "full"), 0o700)
		if errors.Is(err, fs.ErrExist) {
			return
		}
		require.NoError(m.t, err)
		return
	}
	require.NoError(m.t, os.RemoveAll(tmp))
}

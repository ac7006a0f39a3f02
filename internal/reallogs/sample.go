package reallogs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// perShape is how many lines of one shape a sample keeps.
const perShape = 3

// maxLines bounds a sample.
const maxLines = 400

// noise is what differs between lines of one shape.
var noise = regexp.MustCompile(`[0-9a-f]{8,}|\d+`)

// kernel is what servers say about the system they run on.
var kernel = regexp.MustCompile(`Linux \d+\.\d+\.\d+\S*`)

// Sample writes for each log below logs a few lines of every shape, without the
// names of this host and its folders, to <to>/<stream>.log.
func Sample(to, logs string) error {
	files, err := filepath.Glob(filepath.Join(logs, "*", "*.log*"))
	if err != nil {
		return fmt.Errorf("list logs: %w", err)
	}
	slices.Sort(files)
	slices.Reverse(files) // what was rotated is older
	scrub, err := scrubber(filepath.Dir(logs))
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		texts[StreamName(filepath.Base(filepath.Dir(path)), filepath.Base(path))] += string(data)
	}
	for name, text := range texts {
		list := strings.SplitAfter(text, "\n")
		if strings.HasSuffix(name, ".slow") { // the lines of its records belong together
			list = list[:min(len(list), maxLines)]
			for len(list) > 0 && heads(name, list[len(list)-1]) > 0 {
				list = list[:len(list)-1]
			}
		} else {
			list = thin(list)
		}
		text = strings.Join(list, "")
		if text == "" {
			continue
		}
		text = kernel.ReplaceAllString(scrub.Replace(text), "Linux 6.1.0-9-amd64")
		if err := os.WriteFile(filepath.Join(to, name+".log"), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write sample: %w", err)
		}
	}
	return nil
}

// scrubber replaces what tells of this machine.
func scrubber(dir string) (*strings.Replacer, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for the host's name: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve folder: %w", err)
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("ask for the folder: %w", err)
	}
	return strings.NewReplacer(dir, "/srv/reallogs", here, "/srv/reallogs", " "+host+" ", " node-1 ", "@"+host, "@node-1", `"`+host+`"`, `"node-1"`), nil
}

// thin keeps the first lines of each shape, and what lies between two kept lines
// of one record. Lines that begin with a blank follow the line before them.
func thin(lines []string) []string {
	seen := map[string]int{}
	var out []string
	keeping := false
	for _, line := range lines {
		if line == "" || len(out) == maxLines {
			break
		}
		if line[0] != '\t' && line[0] != ' ' {
			shape := noise.ReplaceAllString(line, "#")
			seen[shape]++
			keeping = seen[shape] <= perShape
		}
		if keeping {
			out = append(out, line)
		}
	}
	return out
}

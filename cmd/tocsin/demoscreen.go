package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tocsin-lma/tocsin/pkg/demo"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

// screen is the live table of a terminal; elsewhere it writes a line for every
// change.
type screen struct {
	out     io.Writer
	address string
	live    bool
	colour  bool
	width   func() int
	shown   map[string]health.Status
	lastID  uint64
}

func newScreen(out io.Writer, address string) *screen {
	s := &screen{out: out, address: address, width: func() int { return 0 }, shown: map[string]health.Status{}}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		s.live = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
		s.width = func() int { return columns(f) }
	}
	s.colour = s.live && os.Getenv("NO_COLOR") == ""
	return s
}

// columns is the width of a terminal; 0 when it is not known.
func columns(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

func (s *screen) run(ctx context.Context, d *demo.Demo) {
	fmt.Fprintf(s.out, "The demonstration runs: http://%s\nThe first health status takes some 20 seconds. Ctrl-C ends it.\n", s.address)
	if s.live {
		_, _ = io.WriteString(s.out, "\x1b[?25l\x1b[2J") // no cursor on a table that is redrawn
		defer func() { _, _ = io.WriteString(s.out, "\x1b[?25h") }()
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		var clusters []store.ClusterState
		var events []store.Event
		if getJSON(ctx, "http://"+s.address+"/api/v1/clusters", &clusters) != nil ||
			getJSON(ctx, "http://"+s.address+"/api/v1/events?kind=cluster&limit=8", &events) != nil {
			continue
		}
		if s.live {
			_, _ = io.WriteString(s.out, s.draw(clusters, events, d.Active, time.Now()))
		} else {
			s.report(clusters, events)
		}
	}
}

func getJSON(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// draw writes the table over the one before.
func (s *screen) draw(clusters []store.ClusterState, events []store.Event, active func(demo.Fault) bool, now time.Time) string {
	var lines []string
	add := func(text string) { lines = append(lines, text) }
	add(s.style("1", "Tocsin demonstration") + "   http://" + s.address + "   Ctrl-C ends it")
	add("")
	width := len("CLUSTER")
	for _, c := range clusters {
		width = max(width, utf8.RuneCountInString(c.Name))
	}
	add(s.style("2", fmt.Sprintf("%-*s  %-9s %-8s WHY", width, "CLUSTER", "STATUS", "FOR")))
	for _, c := range clusters {
		head := fmt.Sprintf("%-*s  ", width, c.Name)
		age := fmt.Sprintf(" %-8s ", web.Span(now.Sub(c.Since)))
		add(head + s.status(c.Status, 9) + age + s.cut(web.Why(c.Alarms), width+21))
	}
	if len(clusters) == 0 {
		add("waiting for the first verdict")
	}
	add("")
	add(s.style("2", "EVENTS"))
	for _, e := range events {
		change := ""
		if e.Before != nil {
			change = e.Before.Label() + " → "
		}
		text := fmt.Sprintf("%s  %-*s  ", e.Time.Local().Format("15:04:05"), width, e.Name)
		used := utf8.RuneCountInString(text+change) + len(e.Status.Label()) + 2
		add(text + change + s.status(e.Status, 0) + "  " + s.cut(web.Why(e.Alarms), used))
	}
	add("")
	add(s.style("2", "BREAK SOMETHING, on the page or from another terminal"))
	for _, f := range demo.Faults() {
		mark := "  "
		if active(f) {
			mark = s.style("31", "● ")
		}
		add(mark + "tocsin demo" + s.addressFlag() + " --fault " + string(f))
	}
	return "\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\n\x1b[J"
}

// addressFlag is what another terminal has to say to find this demonstration.
func (s *screen) addressFlag() string {
	if s.address == demoAddress {
		return ""
	}
	return " --address " + s.address
}

// cut shortens a text that begins at a column to what the line has left.
func (s *screen) cut(text string, column int) string {
	left := s.width() - column
	if s.width() == 0 || utf8.RuneCountInString(text) <= left {
		return text
	}
	if left < 2 {
		return ""
	}
	return string([]rune(text)[:left-1]) + "…"
}

func (s *screen) status(st health.Status, width int) string {
	colour := map[health.Status]string{health.Okay: "32", health.Warn: "33", health.Unknown: "35", health.Critical: "31", health.Down: "1;31"}[st]
	return s.style(colour, fmt.Sprintf("%-*s", width, st.Label()))
}

func (s *screen) style(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// report writes what changed since the last call.
func (s *screen) report(clusters []store.ClusterState, events []store.Event) {
	for _, c := range clusters {
		if _, known := s.shown[c.Name]; !known {
			fmt.Fprintf(s.out, "%s  %s is %s\n", time.Now().Format("15:04:05"), c.Name, c.Status.Label())
		}
		s.shown[c.Name] = c.Status
	}
	for _, e := range slices.Backward(events) {
		if e.ID > s.lastID {
			s.lastID = e.ID
			fmt.Fprintf(s.out, "%s  event: %s\n", e.Time.Local().Format("15:04:05"), eventText(e))
		}
	}
}

func eventText(e store.Event) string {
	change := e.Status.Label()
	if e.Before != nil {
		change = e.Before.Label() + " -> " + change
	}
	text := e.Name + " " + change
	if why := web.Why(e.Alarms); why != "" {
		text += ": " + why
	}
	return text
}

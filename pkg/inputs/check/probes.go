package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// maxBody is how much of an answer is looked at.
const maxBody = 64 << 10

func probeURL(c Check) (func(context.Context) error, error) {
	if _, err := http.NewRequest(http.MethodGet, c.URL, nil); err != nil {
		return nil, fmt.Errorf("read url: %w", err)
	}
	var body *regexp.Regexp
	if c.Body != "" {
		var err error
		if body, err = regexp.Compile(c.Body); err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
	transport := &http.Transport{DisableKeepAlives: true, Proxy: nil}
	if c.TLS != nil {
		t, err := c.TLS.Client()
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = t
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
		if err != nil {
			return fmt.Errorf("build request: %w", err)
		}
		for name, value := range c.Headers {
			r.Header.Set(name, value)
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
		switch {
		case err != nil:
			return fmt.Errorf("read answer of %s: %w", c.URL, err)
		case !accepted(c.Statuses, answer.StatusCode):
			return fmt.Errorf("%s answered %s", c.URL, answer.Status)
		case body != nil && !body.Match(text):
			return fmt.Errorf("the answer of %s does not match %q", c.URL, c.Body)
		}
		return nil
	}, nil
}

func accepted(statuses []int, status int) bool {
	if len(statuses) == 0 {
		return status < 400
	}
	return slices.Contains(statuses, status)
}

func probeAddress(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

func probeCommand(argv []string) func(context.Context) error {
	return func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = time.Second
		text, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		text = bytes.TrimSpace(text[:min(len(text), 500)])
		if len(text) == 0 {
			return fmt.Errorf("run %s: %w", argv[0], err)
		}
		return fmt.Errorf("run %s: %w: %s", argv[0], err, strings.ToValidUTF8(string(text), "\ufffd"))
	}
}

func probeProcess(proc string, re *regexp.Regexp) func(context.Context) error {
	return func(ctx context.Context) error {
		dir, err := os.ReadDir(proc)
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		for _, d := range dir {
			if c := d.Name()[0]; c < '0' || c > '9' {
				continue
			}
			if ctx.Err() != nil {
				return errors.New("the list of processes was not read to its end")
			}
			line, err := os.ReadFile(filepath.Join(proc, d.Name(), "cmdline"))
			if err == nil && len(line) > 0 && re.Match(bytes.TrimSpace(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))) {
				return nil
			}
		}
		return fmt.Errorf("no process matches %q", re.String())
	}
}

package daemon_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEveryLineOnceOverManyReloads writes lines, all of which have their twins,
// while the log is rotated and the model is changed and loaded anew: each line
// reaches the output of one of the two models, and once.
func TestEveryLineOnceOverManyReloads(t *testing.T) {
	opt, dir, write := tailDaemon(t)
	model := opt.ConfigPaths[0]
	data, err := os.ReadFile(model)
	require.NoError(t, err)
	text := strings.ReplaceAll(string(data), `file_match: 'app\.log'`, `file_match: 'app\.log\.?(?P<Seq>\d*)', priority: [^Seq], rescan_interval: 50ms`)
	require.NotEqual(t, string(data), text)
	models := []string{text, strings.ReplaceAll(text, dir+"/out", dir+"/elsewhere")}
	require.NoError(t, os.WriteFile(model, []byte(text), 0o600))
	const begins = `{"message":"begins"}`
	write(begins)
	r := start(t, opt)

	want, stop, done := []string{"begins"}, make(chan struct{}), make(chan struct{})
	log := filepath.Join(dir, "log", "app.log")
	go func() {
		defer close(done)
		rnd := rand.New(rand.NewPCG(1, 2))
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rnd.IntN(4)) * time.Millisecond):
			}
			if n%100 == 99 && n < 900 { // the first line of each file is the same
				for i := n / 100; i > 0; i-- {
					_ = os.Rename(fmt.Sprintf("%s.%d", log, i), fmt.Sprintf("%s.%d", log, i+1))
				}
				if os.Rename(log, log+".1") != nil {
					return
				}
				write(begins)
				want = append(want, "begins")
			}
			line := fmt.Sprintf("line %d", n/2) // everything comes twice
			write(fmt.Sprintf(`{"message":"%s"}`, line))
			want = append(want, line)
		}
	}()
	for n := 1; n <= 15; n++ {
		require.NoError(t, os.WriteFile(model, []byte(models[n%2]), 0o600))
		before := r.hash()
		code, body := r.reload()
		require.Equal(t, http.StatusOK, code, body)
		require.Eventually(t, func() bool { return r.hash() != before }, time.Minute, time.Millisecond)
		if n%3 == 0 { // some generations read nothing, some a little, some much
			time.Sleep(150 * time.Millisecond)
		}
	}
	close(stop)
	<-done
	slices.Sort(want)
	got := func() (lines []string) {
		for _, name := range []string{"out", "elsewhere"} {
			data, _ := os.ReadFile(filepath.Join(dir, name))
			lines = append(lines, strings.Fields(strings.ReplaceAll(string(data), " ", "_"))...)
		}
		for i := range lines {
			lines[i] = strings.ReplaceAll(lines[i], "_", " ")
		}
		slices.Sort(lines)
		return lines
	}
	require.Eventually(t, func() bool { return len(got()) >= len(want) }, time.Minute, 20*time.Millisecond)
	_, body := r.get("/api/v1/ledger")
	require.Contains(t, body, `"balanced":true`)
	r.end()
	require.Equal(t, want, got())
}

package demo_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/demo"
)

// browser returns the path of a Chromium. Without one the test is skipped, or
// fails where real programs are required.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("TOCSIN_TEST_REAL") == "1" {
		t.Fatal("no Chromium is installed, and TOCSIN_TEST_REAL=1 asks for one: install the package chromium")
	}
	t.Skip("no Chromium is installed")
	return ""
}

// startDemo runs a demonstration in this process and returns its URL.
func startDemo(t *testing.T) string {
	t.Helper()
	address := testserver.Address(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	opt := demo.Options{Address: address, DataDir: t.TempDir(), Version: "test", Logger: slog.New(slog.DiscardHandler)}
	go func() { done <- demo.Run(ctx, opt, func(*demo.Demo) { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		stopped := time.Now()
		require.NoError(t, <-done)
		require.Less(t, time.Since(stopped), time.Minute, "it drains")
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		require.FailNow(t, "the demonstration did not start", "%v", err)
	case <-time.After(time.Minute):
		require.FailNow(t, "the demonstration is not ready after a minute")
	}
	return "http://" + address
}

// tab is a page of the browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func openTab(t *testing.T, path string) *tab {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 1000), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stopAlloc)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	return &tab{t, ctx}
}

// complaints collects what the browser complains about: exceptions, refusals of
// the content security policy, errors on the console.
func (b *tab) complaints() func() []string {
	var mu sync.Mutex
	var found []string
	messages := chromedp.Console(b.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if (m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException) && m.Source != "network" {
				mu.Lock()
				found = append(found, m.Text)
				mu.Unlock()
			}
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return found
	}
}

func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...), what)
}

// wait waits until a JavaScript expression is true.
func (b *tab) wait(what, expression string, limit time.Duration) {
	b.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && ok { // while a page is left for another, there is none to ask
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(b.t, what, "not within %s (%v); the page says:\n%s", limit, err, b.text("document.body.innerText"))
		}
		time.Sleep(100 * time.Millisecond) // the browser is another process: no virtual time
	}
}

func (b *tab) text(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	require.NoError(b.t, err, expression)
	return s
}

// statusOf is the expression for the status a cluster's card shows.
func statusOf(cluster string) string {
	return "document.querySelector('[data-cluster=" + cluster + "]')?.dataset.status"
}

func TestAPersonSeesAFaultAndItsReason(t *testing.T) {
	path := browser(t)
	url := startDemo(t)
	b := openTab(t, path)
	complaints := b.complaints()
	b.do("open the page", chromedp.Navigate(url+"/"))

	b.wait("three clusters and live", "document.querySelectorAll('[data-cluster]').length >= 3 && document.querySelector('#live.on')", time.Minute)
	b.wait("the shop is well", statusOf("shop")+" === 'okay' && "+statusOf("storage")+" === 'okay'", 2*time.Minute)

	b.do("press the button", chromedp.Click(chromedp.CSS(`[data-fault="disk-full"]`)))
	b.wait("the button shows that it is on", `document.querySelector('[data-fault="disk-full"]').getAttribute("aria-pressed") === "true"`, time.Minute)
	b.wait("the right cluster turns", statusOf("storage")+" === 'critical'", time.Minute)
	require.Equal(t, "okay", b.text(statusOf("shop")), "and no other")
	require.Equal(t, "okay", b.text(statusOf("openstack")))
	b.wait("an event with its reason", `[...document.querySelectorAll('.event')].some(e => e.innerText.includes('storage') && e.innerText.includes('CRITICAL') && e.innerText.includes('The volume of the shop is nearly full'))`, time.Minute)
	b.wait("the title says it", "document.title.startsWith('(CRITICAL)')", time.Minute)

	b.keys(url)
	b.phone(url)
	require.Empty(t, complaints(), "no script fails, nothing is refused")
}

// keys walks through the page with the keyboard only.
func (b *tab) keys(url string) {
	focused := "document.activeElement?.getAttribute('href') ?? ''"
	b.do("j", chromedp.KeyEvent("j"))
	first := b.text(focused)
	worst := b.text(statusOf(strings.TrimPrefix(first, "/clusters/")))
	require.Contains(b.t, []string{"critical", "down"}, worst, "a worst cluster is the first: %s", first) // on a machine that suffers there are more
	b.do("j, k", chromedp.KeyEvent("j"))
	require.NotEqual(b.t, first, b.text(focused))
	b.do("k, Enter", chromedp.KeyEvent("k"), chromedp.KeyEvent(kb.Enter))
	b.wait("the key Enter", "location.pathname === '"+first+"'", time.Minute)
	b.do("the cluster with the fault", chromedp.Navigate(url+"/clusters/storage"))
	b.wait("the cluster's page shows the tree", "location.pathname === '/clusters/storage' && document.querySelector('.tree .reason code')", time.Minute)
	require.Contains(b.t, b.text("document.querySelector('.tree').innerText"), `min(fs_space_percent_free[fs="/srv/shop"]) < 10`)
	for key, want := range map[string]string{"n": "/nodes", "e": "/events", "o": "/"} {
		b.do(key, chromedp.KeyEvent(key))
		b.wait("the key "+key, "location.pathname === '"+want+"' && document.readyState === 'complete'", time.Minute)
	}
	before := b.text("getComputedStyle(document.body).backgroundColor")
	b.do("t", chromedp.KeyEvent("t"))
	require.NotEqual(b.t, before, b.text("getComputedStyle(document.body).backgroundColor"), "the theme changes")
	b.do("reload", chromedp.Navigate(url+"/"))
	require.NotEqual(b.t, before, b.text("getComputedStyle(document.body).backgroundColor"), "and stays")
}

// phone looks at every page in the width of a phone.
func (b *tab) phone(url string) {
	for _, page := range []string{"/", "/clusters/storage", "/clusters/collectors", "/nodes", "/nodes/" + demo.SecondNode, "/events", "/clusters/none"} {
		b.do(page, chromedp.EmulateViewport(390, 844), chromedp.Navigate(url+page))
		wide := b.text("document.documentElement.scrollWidth <= 390 ? '' : innerWidth + ': ' + [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 390).map(e => e.outerHTML.slice(0, 300)).join('\\n')")
		require.Empty(b.t, wide, "%s does not overflow", page)
		hosts := b.text("[...new Set(performance.getEntriesByType('resource').map(r => new URL(r.name).origin))].join()")
		require.Equal(b.t, strings.TrimSuffix(url, "/"), hosts, "%s loads nothing from elsewhere", page)
	}
}

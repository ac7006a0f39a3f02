package daemon

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

const (
	// verdictEvery is how often the outcome of trials is looked at.
	verdictEvery = time.Second
	// trialPatience is how long a new version of a quiet plugin waits for its records.
	trialPatience = time.Minute
)

// livePlugin is a Lua plugin of the model, whose files may change while it runs.
type livePlugin struct {
	kind, name string
	trial      int // records a new version is tried on
	versions   *sandbox.Versions

	mu     sync.Mutex
	seen   map[string]stamp // the files as they were when they were last loaded
	moving map[string]stamp // the files as they were at the last look, if they had changed
	told   sandbox.VersionStatus
}

// stamp tells a file from itself after a change; the zero value is no file.
type stamp struct {
	size    int64
	changed time.Time
}

func stamps(files []string) map[string]stamp {
	all := make(map[string]stamp, len(files))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			all[file] = stamp{info.Size(), info.ModTime()}
		} else {
			all[file] = stamp{}
		}
	}
	return all
}

func same(a, b map[string]stamp) bool {
	for file, s := range a {
		if b[file].size != s.size || !b[file].changed.Equal(s.changed) {
			return false
		}
	}
	return len(a) == len(b)
}

// watched loads a plugin; nil after it has reported why it does not load.
func (p *parts) watched(options sandbox.Options, n *config.Node) *livePlugin {
	plugin, err := p.live(options)
	if err != nil {
		p.fail(n.Errorf("the plugin does not load: %v", err))
		return nil
	}
	return plugin
}

func (p *parts) live(options sandbox.Options) (*livePlugin, error) {
	template, err := sandbox.NewTemplate(options)
	if err != nil {
		return nil, err
	}
	l := &livePlugin{
		kind: options.Kind.String(), name: options.Name, trial: p.global.PluginTrial,
		versions: sandbox.NewVersions(template), seen: stamps(template.Files()),
	}
	p.plugins = append(p.plugins, l)
	return l, nil
}

// adopt makes l the plugin of an earlier generation that goes on with its state.
func (l *livePlugin) adopt(old *livePlugin) {
	old.mu.Lock()
	defer old.mu.Unlock()
	l.versions, l.seen, l.moving, l.told = old.versions, old.seen, old.moving, old.told
}

// changed reports whether a file has changed since it was loaded.
func (l *livePlugin) changed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !same(l.seen, stamps(l.files()))
}

// settled is changed, as soon as two looks in a row see the same: an editor may be
// writing.
func (l *livePlugin) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := stamps(l.files())
	if same(l.seen, now) {
		l.moving = nil
		return false
	}
	settled := l.moving != nil && same(l.moving, now)
	l.moving = now
	return settled
}

func (l *livePlugin) files() []string {
	files := make([]string, 0, len(l.seen))
	for file := range l.seen {
		files = append(files, file)
	}
	return files
}

// reload loads the files anew and puts what they make on trial.
func (l *livePlugin) reload(log *slog.Logger, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := stamps(l.files())
	template, err := l.load()
	if err != nil {
		l.seen, l.moving = before, nil
		for file, s := range stamps(l.versions.Current().Options().ModuleDirs) {
			l.seen[file] = s // perhaps a module is missing that is still to come
		}
		l.versions.Refuse(err)
		return
	}
	// A file that changed meanwhile differs from its stamp and is loaded again.
	l.seen, l.moving = stamps(template.Files()), nil
	for file, s := range before {
		if _, ok := l.seen[file]; ok {
			l.seen[file] = s
		}
	}
	if template.Digest() == l.versions.Current().Digest() {
		l.versions.Withdraw()
		return
	}
	l.versions.Offer(template, l.trial, now)
	log.Info("a plugin has changed, its new version is on trial", "kind", l.kind, "plugin", l.name, "records", l.trial)
}

func (l *livePlugin) load() (*sandbox.Template, error) {
	options := l.versions.Current().Options()
	options.Cache = sandbox.NewCache() // what the old version shared goes with it
	if options.FromDisk {
		text, err := os.ReadFile(options.Script)
		if err != nil {
			return nil, fmt.Errorf("read plugin: %w", err)
		}
		options.Source = text
	}
	template, err := sandbox.NewTemplate(options)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", options.Script, err)
	}
	return template, nil
}

// tell logs what has become of the newest version since the last time.
func (l *livePlugin) tell(log *slog.Logger, now time.Time) {
	l.versions.Patience(now, trialPatience)
	l.mu.Lock()
	defer l.mu.Unlock()
	status := l.versions.Status()
	if status.Taken > l.told.Taken {
		log.Info("the new version of a plugin has taken over", "kind", l.kind, "plugin", l.name)
	}
	if status.Dropped > l.told.Dropped {
		log.Error("the new version of a plugin is dropped, the old one keeps running", "kind", l.kind, "plugin", l.name, "error", status.Failure)
	}
	l.told = status
}

// pluginWatch looks after the files of one generation's plugins and after the trials
// of new versions.
type pluginWatch struct {
	C <-chan time.Time

	d      *Daemon
	g      *generation
	ticker *time.Ticker
	every  time.Duration // between looks at the files; 0: never
	next   time.Time
}

func newPluginWatch(d *Daemon, g *generation) *pluginWatch {
	w := &pluginWatch{d: d, g: g, every: g.parts.global.WatchPlugins}
	period := verdictEvery
	if w.every > 0 {
		period = min(period, w.every)
	}
	w.ticker = time.NewTicker(period)
	w.C = w.ticker.C
	return w
}

func (w *pluginWatch) stop() { w.ticker.Stop() }

// look loads plugins whose files have changed, if the model wants that, and tells
// how trials went.
func (w *pluginWatch) look(now time.Time) {
	files := w.every > 0 && !now.Before(w.next)
	if files {
		w.next = now.Add(w.every)
	}
	for _, l := range w.g.parts.plugins {
		if files && l.settled() {
			l.reload(w.d.log, now)
		}
		l.tell(w.d.log, now)
	}
}

// onlyPlugins loads the plugins whose files have changed. It reports whether that is
// all there is to do: the model is as it was.
func (w *pluginWatch) onlyPlugins(now time.Time) bool {
	var changed []*livePlugin
	for _, l := range w.g.parts.plugins {
		if l.changed() {
			changed = append(changed, l)
		}
	}
	if len(changed) == 0 {
		return false
	}
	model, err := LoadModel(w.d.opt.Role, w.d.opt.ConfigPaths, w.d.opt.Sources, w.d.opt.NoDefaults)
	if err != nil || modelHash(model) != w.g.hash {
		return false
	}
	for _, l := range changed {
		l.reload(w.d.log, now)
		l.tell(w.d.log, now)
	}
	return true
}

// pluginInfo is what the API says about a plugin.
type pluginInfo struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Script    string    `json:"script"`
	FromDisk  bool      `json:"from_disk"`
	Grammar   bool      `json:"grammar"` // the streams of a decoder share one loaded program
	Version   string    `json:"version"` // a hash of the texts it was loaded from
	State     string    `json:"state"`   // running, trial, refused
	Left      int       `json:"records_left,omitempty"`
	Reloads   int64     `json:"reloads"`
	Refused   int64     `json:"refused"`
	Since     time.Time `json:"since"` // the version runs
	LastError string    `json:"last_error,omitempty"`
	Files     []string  `json:"files,omitempty"` // on disk, read or looked for
}

func (d *Daemon) plugins(g *generation) []pluginInfo {
	list := []pluginInfo{}
	for _, l := range g.parts.plugins {
		t, s := l.versions.Current(), l.versions.Status()
		info := pluginInfo{
			Kind: l.kind, Name: l.name, Script: t.Options().Script, FromDisk: t.Options().FromDisk, Grammar: t.Declarative(), Version: t.Digest(),
			State: "running", Left: s.Left, Reloads: s.Taken, Refused: s.Dropped, Since: s.Since, Files: t.Files(),
		}
		if info.Since.IsZero() {
			info.Since = g.since
		}
		if s.Failure != nil {
			info.State, info.LastError = "refused", s.Failure.Error()
		}
		if s.OnTrial {
			info.State = "trial"
		}
		list = append(list, info)
	}
	return list
}

func (d *Daemon) servePlugins(w http.ResponseWriter, _ *http.Request) {
	g := d.generation()
	if g == nil {
		writeError(w, http.StatusServiceUnavailable, errStarting)
		return
	}
	writeJSON(w, d.plugins(g))
}

// servePluginReload loads the plugins whose files have changed, and answers with
// how all stand.
func (d *Daemon) servePluginReload(w http.ResponseWriter, _ *http.Request) {
	g := d.generation()
	if g == nil {
		writeError(w, http.StatusServiceUnavailable, errStarting)
		return
	}
	for _, l := range g.parts.plugins {
		if l.changed() {
			l.reload(d.log, time.Now())
		}
	}
	writeJSON(w, d.plugins(g))
}

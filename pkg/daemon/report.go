package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

const reportInterval = 30 * time.Second

// board is where the parts that only one goroutine may ask leave their newest
// counters for everybody.
type board struct {
	mu      sync.Mutex
	plugins map[string]sandbox.Stats // by filter
	alarms  afd.Stats
	cluster gse.Stats
}

func (b *board) plugin(name string, s sandbox.Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.plugins == nil {
		b.plugins = map[string]sandbox.Stats{}
	}
	b.plugins[name] = s
}

func (b *board) setAlarms(s afd.Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarms = s
}

func (b *board) setClusters(s gse.Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cluster = s
}

// collect shows the board, and what decoders rejected, among the metrics.
func (d *Daemon) collect(w *selfmon.Writer) {
	for key, n := range d.rejects.Counts() {
		w.Count(uint64(n), "tocsin_decoder_rejected_total", "stream", key.Stream, "decoder", key.Decoder)
	}
	if g := d.generation(); g != nil {
		for _, l := range g.parts.plugins {
			s := l.versions.Status()
			w.Count(uint64(s.Taken), "tocsin_plugin_reloads_total", "kind", l.kind, "name", l.name)
			w.Count(uint64(s.Dropped), "tocsin_plugin_reload_failures_total", "kind", l.kind, "name", l.name)
			w.Value(float64(s.Left), "tocsin_plugin_trial_records_left", "kind", l.kind, "name", l.name)
		}
	}
	d.board.mu.Lock()
	defer d.board.mu.Unlock()
	for name, s := range d.board.plugins {
		w.Value(float64(s.Memory), "tocsin_sandbox_memory_bytes", "name", name)
		w.Count(uint64(s.MaxInstructions), "tocsin_sandbox_max_instructions", "name", name)
		w.Count(uint64(s.Failures), "tocsin_sandbox_failures_total", "name", name)
		w.Count(uint64(s.Late), "tocsin_filter_late_messages_total", "name", name)
	}
	a := d.board.alarms
	w.Count(a.Datapoints, "tocsin_afd_datapoints_total")
	w.Value(float64(a.Series), "tocsin_afd_series")
	for reason, n := range map[string]uint64{"late": a.Late, "future": a.Future, "invalid": a.Invalid, "series_limit": a.SeriesRefused} {
		w.Count(n, "tocsin_afd_dropped_total", "reason", reason)
	}
	w.Count(a.AlarmsOmitted, "tocsin_afd_alarms_omitted_total")
	w.Count(a.ScriptFailures, "tocsin_afd_script_failures_total")
	g := d.board.cluster
	w.Count(g.Verdicts, "tocsin_gse_verdicts_total")
	w.Count(g.Rejected, "tocsin_gse_rejected_total")
	w.Count(g.PairsRefused, "tocsin_gse_pairs_refused_total")
	w.Value(float64(g.Pairs), "tocsin_gse_pairs")
}

// checkPipeline is unready until the pipeline runs and listens, and while it drains.
func (d *Daemon) checkPipeline(context.Context) error {
	g := d.generation()
	if g == nil {
		return errors.New("the pipeline is not running yet")
	}
	if g.ending.Load() {
		return errors.New("the pipeline drains and takes nothing; after a reload the new model takes over next")
	}
	if names := g.unbound(); len(names) > 0 {
		return fmt.Errorf("inputs that do not listen yet: %s", strings.Join(names, ", "))
	}
	return nil
}

// checkQueues is unready while a queue is so full that its full_action is near.
func (d *Daemon) checkQueues(context.Context) error {
	g := d.generation()
	if g == nil {
		return nil
	}
	var errs []error
	for _, o := range g.parts.spec.Outputs {
		if o.Queue == nil {
			continue
		}
		if s := o.Queue.Stats(); s.Bytes > s.MaxBytes/10*9 {
			errs = append(errs, fmt.Errorf("the queue of output %s is full to %d of %d bytes: its far side is slow or down", o.Name, s.Bytes, s.MaxBytes))
		}
	}
	return errors.Join(errs...)
}

// cell is a number of a report with its unit, in Heka's form.
type cell struct {
	Value          any    `json:"value"`
	Representation string `json:"representation"`
}

// report is what Heka's report holds, as far as this pipeline has the same.
func (d *Daemon) report() map[string][]map[string]any {
	g := d.generation()
	if g == nil {
		return nil
	}
	count := func(n uint64) cell { return cell{n, "count"} }
	out := map[string][]map[string]any{"inputs": {}, "filters": {}, "outputs": {}, "decoders": {}}
	for _, x := range g.parts.spec.Inputs {
		out["inputs"] = append(out["inputs"], map[string]any{"Name": x.Name, "ProcessMessageCount": count(d.obs.value("input", x.Name, "records"))})
	}
	for key, n := range d.rejects.Counts() {
		out["decoders"] = append(out["decoders"], map[string]any{"Name": key.Stream + "-" + key.Decoder, "ProcessMessageFailures": count(uint64(n))})
	}
	d.board.mu.Lock()
	defer d.board.mu.Unlock()
	for _, x := range g.parts.spec.Filters {
		row := map[string]any{"Name": x.Name, "ProcessMessageCount": count(d.obs.value("filter", x.Name, "processed"))}
		if s, ok := d.board.plugins[x.Name]; ok {
			row["Memory"] = cell{s.Memory, "B"}
			row["MaxMemory"] = cell{s.MaxMemory, "B"}
			row["MaxInstructions"] = cell{s.MaxInstructions, "count"}
			row["MaxOutput"] = cell{s.MaxOutput, "B"}
			row["ProcessMessageFailures"] = cell{s.Failures, "count"}
			row["ProcessMessageAvgDuration"] = cell{s.ProcessAverage().Nanoseconds(), "ns"}
			row["LateMessageCount"] = cell{s.Late, "count"}
			row["InjectMessageCount"] = cell{s.Injected, "count"}
			row["TimerEventSamples"] = cell{s.Timers, "count"}
			row["TimerEventAvgDuration"] = cell{s.TimerAverage().Nanoseconds(), "ns"}
		}
		out["filters"] = append(out["filters"], row)
	}
	for _, e := range d.ledger.Snapshot().Entries {
		if e.Stage == "output" {
			out["outputs"] = append(out["outputs"], map[string]any{"Name": e.Name, "SentMessageCount": count(e.Delivered), "QueuedMessageCount": count(e.Queued)})
		}
	}
	return out
}

func (d *Daemon) serveReport(w http.ResponseWriter, _ *http.Request) { writeJSON(w, d.report()) }

// reporter is the input that emits the report, for filters such as
// heka_monitoring.lua.
type reporter struct {
	d    *Daemon
	host string
}

// Run emits a report every half minute.
func (r *reporter) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open("report")
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	t := time.NewTicker(reportInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			payload, err := json.Marshal(r.d.report())
			if err != nil {
				return err
			}
			m := &message.Message{UUID: message.NewUUID(), Timestamp: now.UnixNano(), Type: "heka.all-report", Logger: "hekad", Hostname: r.host, Payload: string(payload)}
			if err := s.Emit(m); err != nil {
				return err
			}
			if _, err := s.Commit(ctx); err != nil {
				return err
			}
		}
	}
}

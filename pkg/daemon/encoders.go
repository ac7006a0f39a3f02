package daemon

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// encoderNames maps the engines of models made for Heka to ours.
func encoderNames() map[string]string {
	return map[string]string{"ProtobufEncoder": "protobuf", "PayloadEncoder": "payload", "ESJsonEncoder": "elasticsearch", "RstEncoder": "rst"}
}

// eventEvery is the event encoder that writes every verdict, for far sides that
// forget what is not repeated.
const eventEvery = "event_every"

func everyVerdict() *config.Node {
	n, err := config.Load(config.Source{Name: "shipped:" + eventEvery, Data: []byte("on_change: false")})
	if err != nil {
		panic(err) // the text is ours
	}
	return n
}

// stateful encoders remember what they wrote, so all goroutines share one.
func stateful(encoder string) bool {
	return encoder == "status_smtp" || encoder == "event" || encoder == "sandbox"
}

// encoder finds the encoder that an output names: a section, with or without the
// ending "_encoder", or an engine. All goroutines get one of their own, or share
// one that remembers.
func (p *parts) encoder(output *config.Node, ref string) func() pipeline.Encoder {
	section := p.section("encoder", ref)
	engine := ref
	if section != nil {
		var head struct {
			Engine string `yaml:"engine"`
		}
		p.fail(section.Only("engine").Decode(&head))
		if engine = head.Engine; engine == "" {
			engine = section.Path()[strings.LastIndexByte(section.Path(), '.')+1:]
		}
	}
	if known, ok := encoderNames()[engine]; ok {
		engine = known
	}
	if engine == eventEvery && section == nil {
		engine, section = "event", everyVerdict()
	}
	make, err := p.encoderMaker(engine, ref, section)
	if err != nil {
		where := output
		if section != nil {
			where = section
		}
		p.fail(placed(where, err))
		return func() pipeline.Encoder { return nil }
	}
	if !stateful(engine) {
		return func() pipeline.Encoder {
			e, err := make()
			if err != nil {
				panic(fmt.Sprintf("encoder %s was checked and now fails: %v", ref, err))
			}
			return e
		}
	}
	e, err := make()
	if err != nil {
		p.fail(placed(output, err))
	}
	shared := &lockedEncoder{e: e}
	return func() pipeline.Encoder { return shared }
}

// encoderMaker checks the section once and returns what makes the encoders.
func (p *parts) encoderMaker(engine, name string, section *config.Node) (func() (pipeline.Encoder, error), error) {
	if engine == "sandbox" {
		// The Lua encoders of the original have native twins, which are faster
		// and read the same keys. A file of the operator is run as it is.
		if twin := p.nativeTwin(section); twin != "" {
			engine, section = twin, section.Get("config")
		}
	}
	if engine == "sandbox" {
		options, err := p.sandboxOptions(sandbox.KindEncoder, name, section)
		if err != nil {
			return nil, err
		}
		plugin, err := p.live(options)
		if err != nil {
			return nil, err
		}
		return func() (pipeline.Encoder, error) { return newSandboxEncoder(plugin) }, nil
	}
	body := section.Without("engine", "module_file", "module_dir", "enabled")
	if inner := body.Get("config"); inner.Exists() {
		body = config.Merge(body.Without("config"), inner)
	}
	open := func() (pipeline.Encoder, error) { return encoders.Open(engine, body, encoders.Options{}) }
	_, err := open()
	return open, err
}

// nativeTwin returns the native encoder that stands for a Lua encoder which the
// model names but this host does not have; "" if there is none.
func (p *parts) nativeTwin(section *config.Node) string {
	file := section.Get("module_file").Text()
	if file == "" || fileExists(file) {
		return ""
	}
	base := strings.TrimSuffix(file[strings.LastIndexByte(file, '/')+1:], ".lua")
	if !slices.Contains(encoders.Names(), base) {
		return ""
	}
	p.notice(section, "%s does not exist here; the native encoder %s is used", file, base)
	return base
}

// section finds the section that a reference names: as it stands, or without the
// ending that the formulas add.
func (p *parts) section(kind, ref string) *config.Node {
	if n := p.role.Get(kind, ref); n.Exists() {
		return n
	}
	if n := p.role.Get(kind, strings.TrimSuffix(ref, "_"+kind)); n.Exists() {
		return n
	}
	return nil
}

// lockedEncoder lets several goroutines use one encoder.
type lockedEncoder struct {
	mu sync.Mutex
	e  pipeline.Encoder
}

// Encode encodes under the lock.
func (l *lockedEncoder) Encode(dst []byte, m *message.Message) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.e.Encode(dst, m)
}

// sandboxEncoder is a Lua encoder as the pipeline wants it. One that was
// terminated is opened anew at the next message.
type sandboxEncoder struct {
	live   *livePlugin
	plugin *sandbox.Reloader // nil: it was terminated
}

func newSandboxEncoder(l *livePlugin) (*sandboxEncoder, error) {
	e := &sandboxEncoder{live: l}
	return e, e.open()
}

func (e *sandboxEncoder) open() (err error) {
	e.plugin, err = sandbox.NewReloader(e.live.versions)
	return err
}

// Encode appends what the plugin makes of m, with a line feed at its end so that
// items can be told apart.
func (e *sandboxEncoder) Encode(dst []byte, m *message.Message) ([]byte, error) {
	if e.plugin == nil {
		e.live.versions.Accept(time.Now())
		if err := e.open(); err != nil {
			return dst, err
		}
	}
	result, err := e.plugin.Process(m, discardMessage)
	if err != nil {
		_ = e.plugin.Close(discardMessage)
		e.plugin = nil
		return dst, err
	}
	if result.Code < 0 && result.Code != sandbox.CodeSkip {
		return dst, fmt.Errorf("process_message returned %d: %s", result.Code, result.Text)
	}
	if !result.HasOutput {
		return dst, nil
	}
	dst = append(dst, result.Output...)
	if n := len(dst); n > 0 && dst[n-1] != '\n' {
		dst = append(dst, '\n')
	}
	return dst, nil
}

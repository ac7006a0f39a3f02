package daemon

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

//go:embed defaults/*.yml
var defaults embed.FS

// confDir is read, if it is there, before the files of the command line.
const confDir = "/etc/tocsin/conf.d"

// LoadModel reads the whole model of a role: the shipped defaults, the shipped
// alarms that `global.alarms` names, the files of /etc/tocsin/conf.d, the paths
// and the sources, each laid over those before it.
func LoadModel(role Role, paths []string, more []config.Source, noDefaults bool) (*config.Node, error) {
	var user []config.Source
	if _, err := os.Stat(confDir); err == nil && !noDefaults {
		found, err := config.ReadPaths(confDir)
		if err != nil {
			return nil, err
		}
		user = append(user, found...)
	}
	given, err := config.ReadPaths(paths...)
	if err != nil {
		return nil, err
	}
	user = append(append(user, given...), more...)
	if noDefaults {
		return config.Load(user...)
	}
	base, err := shippedDefaults(role)
	if err != nil {
		return nil, err
	}
	// The user's files say which shipped alarms lie below them.
	first, err := config.Load(append(base, user...)...)
	if err != nil {
		return nil, err
	}
	library, err := shippedAlarms(first.Get("global", "alarms"))
	if err != nil {
		return nil, err
	}
	return config.Load(append(append(base, library...), user...)...)
}

func shippedDefaults(role Role) ([]config.Source, error) {
	var out []config.Source
	for _, name := range []string{"global.yml", string(role) + ".yml"} {
		data, err := defaults.ReadFile("defaults/" + name)
		if err != nil {
			return nil, fmt.Errorf("read shipped defaults: %w", err)
		}
		out = append(out, config.Source{Name: "shipped:" + name, Data: data})
	}
	return out, nil
}

// shippedAlarms returns the policies and the alarm files named in the list;
// "all" stands for every one.
func shippedAlarms(list *config.Node) ([]config.Source, error) {
	var wanted []string
	if err := list.Decode(&wanted); err != nil {
		return nil, err
	}
	names := []string{"policies"}
	for _, w := range wanted {
		if w == "all" {
			names = ShippedAlarms()
			break
		}
		names = append(names, w)
	}
	var out []config.Source
	for _, name := range names {
		data, err := alarms.FS.ReadFile(name + ".yml")
		if errors.Is(err, fs.ErrNotExist) {
			hint := ""
			if near, ok := config.Nearest(name, ShippedAlarms()); ok {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return nil, list.Errorf("there are no shipped alarms called %q%s", name, hint)
		}
		if err != nil {
			return nil, fmt.Errorf("read shipped alarms: %w", err)
		}
		out = append(out, config.Source{Name: "shipped:alarms/" + name + ".yml", Data: data})
	}
	return out, nil
}

// ShippedAlarms returns the names that `global.alarms` may hold, and "policies".
func ShippedAlarms() []string {
	entries, err := alarms.FS.ReadDir(".")
	if err != nil {
		return nil
	}
	names := []string{"policies"}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), path.Ext(e.Name()))
		if path.Ext(e.Name()) == ".yml" && !strings.HasSuffix(name, "_test") && name != "policies" {
			names = append(names, name)
		}
	}
	return names
}

// modelHash identifies what a daemon runs, for heartbeats and pages.
func modelHash(model *config.Node) string {
	text, err := json.Marshal(model.Value()) // maps are written by sorted key
	if err != nil {
		return "unknown" // a plain value always encodes
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

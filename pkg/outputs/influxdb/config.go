package influxdb

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// API is the dialect of a server.
type API string

// The dialects.
const (
	V1 API = "v1" // POST /write?db=: InfluxDB 0.9 to 1.x, VictoriaMetrics
	V2 API = "v2" // POST /api/v2/write?bucket=: InfluxDB 1.8 and later, VictoriaMetrics
)

// Config is the section of an InfluxDB output.
type Config struct {
	httpsend.Config `yaml:",inline"` // Token is sent as InfluxDB's "Token" scheme

	API             API    `yaml:"api"`      // v1 or v2; "": v2 with a bucket, else v1
	Database        string `yaml:"database"` // v1; a db= in the address counts as well
	RetentionPolicy string `yaml:"retention_policy"`
	CreateDatabase  bool   `yaml:"create_database"` // v1: create it when the server does not know it
	Consistency     string `yaml:"consistency"`     // v1 cluster editions: any, one, quorum, all
	Org             string `yaml:"org"`             // v2
	Bucket          string `yaml:"bucket"`          // v2; on InfluxDB 1.8 database/retention_policy
	// Precision of the times in the lines: ns, us, ms or s.
	Precision string `yaml:"precision"`
	// Method is accepted for StackLight's models, which may say POST.
	Method string `yaml:"method"`
}

// DefaultConfig returns the defaults: the 1.x interface of this host, database
// lma, times in milliseconds.
func DefaultConfig() Config {
	return Config{Config: httpsend.Config{Address: "http://127.0.0.1:8086"}, CreateDatabase: true}
}

const defaultDatabase = "lma"

var precisions = []string{"ns", "us", "ms", "s"}

// target is where and how batches are posted.
type target struct {
	server   string // base URL, with a slash at its end
	write    string // URL of a write
	create   string // query that makes the database; "": none
	database string
	auth     string // value of the Authorization header
}

// target works out the URLs. An address may be the base URL of a server or, as
// in StackLight, that of its write interface with db and precision.
func (c Config) target() (target, error) {
	u, err := httpsend.ParseURL("address", c.Address)
	if err != nil {
		return target{}, err
	}
	if c.Method != "" && !strings.EqualFold(c.Method, "POST") {
		return target{}, fmt.Errorf("read method: %q is not POST, the only one InfluxDB takes", c.Method)
	}
	given := u.Query()
	api := c.api(u)
	for _, suffix := range []string{"/api/v2/write", "/write"} {
		u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), suffix)
	}
	base := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path + "/"}
	precision := first(c.Precision, given.Get("precision"), "ms")
	if !slices.Contains(precisions, precision) {
		return target{}, fmt.Errorf("read precision: %q is none of %s", precision, strings.Join(precisions, ", "))
	}
	t := target{server: base.String(), auth: c.authorization(u.User)}
	switch api {
	case V1:
		c.v1(&t, base, given, precision)
	case V2:
		bucket := first(c.Bucket, given.Get("bucket"), defaultDatabase)
		query := url.Values{"bucket": {bucket}, "org": {first(c.Org, given.Get("org"))}, "precision": {precision}}
		t.write = base.JoinPath("api/v2/write").String() + "?" + query.Encode()
	default:
		return target{}, fmt.Errorf("read api: %q is neither v1 nor v2", c.API)
	}
	return t, nil
}

func (c Config) api(u *url.URL) API {
	switch {
	case c.API != "":
		return c.API
	case c.Bucket != "" || c.Org != "" || strings.HasSuffix(u.Path, "/api/v2/write"):
		return V2
	}
	return V1
}

func (c Config) v1(t *target, base *url.URL, given url.Values, precision string) {
	t.database = first(c.Database, given.Get("db"), defaultDatabase)
	if precision == "us" {
		precision = "u" // what 1.x calls it
	}
	query := url.Values{"db": {t.database}, "precision": {precision}}
	if policy := first(c.RetentionPolicy, given.Get("rp")); policy != "" {
		query.Set("rp", policy)
	}
	if c.Consistency != "" {
		query.Set("consistency", c.Consistency)
	}
	t.write = base.JoinPath("write").String() + "?" + query.Encode()
	if c.CreateDatabase {
		name := strings.ReplaceAll(strings.ReplaceAll(t.database, `\`, `\\`), `"`, `\"`)
		t.create = base.JoinPath("query").String() + "?" + url.Values{"q": {`CREATE DATABASE "` + name + `"`}}.Encode()
	}
}

func (c Config) authorization(user *url.Userinfo) string {
	switch {
	case c.Token != "":
		return "Token " + c.Token
	case c.Username != "":
		user = url.UserPassword(c.Username, c.Password)
	case user == nil:
		return ""
	}
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

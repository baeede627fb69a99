package testkit

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// ClickHouse is the present engine of ClickHouse behind its HTTP protocol, as
// far as the Go client speaks it: uncompressed, one statement at a time. The
// engine is shared by all tests of a process; each takes a database of its own.
type ClickHouse struct {
	Addr     string // host:port, for protocol http
	Database string // fresh
	engine   *chdb
	fault    atomic.Pointer[func(r *http.Request) Fault]
}

// Fault is how a request goes wrong.
type Fault int

// The faults.
const (
	NoFault     Fault = iota
	Refuse            // the connection ends before the statement runs
	CutShort          // the connection ends in the middle of what is sent; nothing runs
	LoseAnswer        // the statement runs, and the connection ends before the answer
	ServerError       // the server answers with TOO_MANY_PARTS
)

var clickHouseDatabases atomic.Int64

// StartClickHouse gives a server with an empty database name.
func StartClickHouse(t testing.TB) *ClickHouse {
	t.Helper()
	c := &ClickHouse{engine: openChdb(t), Database: fmt.Sprintf("t%d", clickHouseDatabases.Add(1))}
	s := httptest.NewServer(c)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		_, _ = c.engine.query("DROP DATABASE IF EXISTS `"+c.Database+"` SYNC", "Null") // the process may end first anyway
	})
	c.Addr = s.Listener.Addr().String()
	return c
}

// Query runs a statement beside the protocol, and gives its answer as text.
func (c *ClickHouse) Query(t testing.TB, sql string) string {
	t.Helper()
	out, err := c.engine.query(sql, "TSV")
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	return string(out)
}

// Try is Query where the statement may be wrong.
func (c *ClickHouse) Try(sql string) (string, error) {
	out, err := c.engine.query(sql, "TSV")
	return string(out), err
}

// Break has every request asked how it goes wrong; nil heals.
func (c *ClickHouse) Break(fault func(r *http.Request) Fault) {
	if fault == nil {
		c.fault.Store(nil)
		return
	}
	c.fault.Store(&fault)
}

// Parameters of the protocol that are no settings.
var clickHouseParameters = map[string]bool{
	"query": true, "database": true, "default_format": true, "client_protocol_version": true, "query_id": true, "quota_key": true,
	"compress": true, "decompress": true, "wait_end_of_query": true, "session_id": true, "network_compression_method": true,
}

var (
	insertWithData = regexp.MustCompile(`(?is)^\s*(INSERT\s+INTO\s+.*?)\s+FORMAT\s+(\w+)\s*$`)
	readingQuery   = regexp.MustCompile(`(?is)^\s*(SELECT|WITH)\b`)
	errorCode      = regexp.MustCompile(`Code: (\d+)`)
)

// settings are the other parameters, as a clause.
func clickHouseSettings(v url.Values) string {
	var out []string
	for k := range v {
		if !clickHouseParameters[k] && !strings.HasPrefix(k, "param_") {
			out = append(out, k+"='"+strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v.Get(k))+"'")
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// ServeHTTP is the protocol.
func (c *ClickHouse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := NoFault
	if f := c.fault.Load(); f != nil {
		fault = (*f)(r)
	}
	if fault == Refuse {
		panic(http.ErrAbortHandler) // the server closes the connection
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || fault == CutShort {
		panic(http.ErrAbortHandler) // as a server does with half a block
	}
	if fault == ServerError {
		c.fail(w, fmt.Errorf("Code: 252. DB::Exception: Too many parts (3001). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)"))
		return
	}
	out, err := c.run(r.URL.Query(), body, w.Header())
	if fault == LoseAnswer {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		c.fail(w, err)
		return
	}
	_, _ = w.Write(out) //nolint:gosec // to a test's client, which may have gone away
}

func (c *ClickHouse) fail(w http.ResponseWriter, err error) {
	code := "0"
	if m := errorCode.FindStringSubmatch(err.Error()); m != nil {
		code = m[1]
	}
	w.Header().Set("X-ClickHouse-Exception-Code", code)
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, err.Error()) //nolint:gosec // to a test's client, which may have gone away
}

func (c *ClickHouse) run(v url.Values, body []byte, header http.Header) ([]byte, error) {
	settings := clickHouseSettings(v)
	sql := v.Get("query")
	if m := insertWithData.FindStringSubmatch(sql); m != nil {
		insert := m[1]
		if settings != "" {
			insert += " SETTINGS " + settings
		}
		n, err := c.engine.insert(insert, m[2], body)
		header.Set("X-ClickHouse-Summary", fmt.Sprintf(`{"written_rows":"%d"}`, n))
		return nil, err
	}
	sql += string(body)
	if strings.HasPrefix(sql, "SELECT displayName(), version(), revision(), timezone()") {
		return c.hello(v.Get("client_protocol_version"))
	}
	for name := range v { // good for the one connection that there is
		if strings.HasPrefix(name, "param_") {
			if _, err := c.engine.query("SET "+name+" = '"+strings.ReplaceAll(v.Get(name), "'", `\'`)+"'", "Null"); err != nil {
				return nil, err
			}
		}
	}
	if settings != "" && readingQuery.MatchString(sql) {
		sql += " SETTINGS " + settings
	}
	return c.engine.query(sql, "Native")
}

// hello answers the first question of a client. It is decoded at the client's
// own revision; by claiming revision 0, every later block is plain.
func (c *ClickHouse) hello(revision string) ([]byte, error) {
	rev, err := strconv.ParseUint(revision, 10, 64)
	if err != nil {
		return nil, err
	}
	version, err := c.engine.query("SELECT version()", "TSVRaw")
	if err != nil {
		return nil, err
	}
	b := proto.NewBlock()
	for _, x := range [][2]string{{"displayName()", "String"}, {"version()", "String"}, {"revision()", "UInt32"}, {"timezone()", "String"}} {
		if err := b.AddColumn(x[0], column.Type(x[1])); err != nil {
			return nil, err
		}
	}
	if err := b.Append("chdb", strings.TrimSpace(string(version)), uint32(0), "UTC"); err != nil {
		return nil, err
	}
	var buf chproto.Buffer
	err = b.Encode(&buf, rev)
	return buf.Buf, err
}

// oldClickHouseConfig is what a server of 2018 needs to run alone.
const oldClickHouseConfig = `<yandex>
<logger><level>warning</level><console>1</console></logger>
<tcp_port>%d</tcp_port><http_port>%d</http_port><listen_host>127.0.0.1</listen_host>
<path>%[3]s/data/</path><tmp_path>%[3]s/tmp/</tmp_path>
<mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
<users_config>%[3]s/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
</yandex>`

const oldClickHouseUsers = `<yandex><profiles><default/></profiles><quotas><default/></quotas>
<users><default><password>%s</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>`

// OldClickHouse is Debian's clickhouse-server (18.16), for the native wire
// alone: it knows neither DateTime64 nor tombstones.
type OldClickHouse struct {
	Addr     string // native
	HTTPAddr string
	*Process
}

// StartOldClickHouse installs and starts a server whose user default has the
// password.
func StartOldClickHouse(t testing.TB, password string) *OldClickHouse {
	t.Helper()
	program := Program(t, "clickhouse-server", "clickhouse-server")
	dir, ports := t.TempDir(), FreePorts(t, 2)
	for _, d := range []string{"data", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.xml")
	for path, text := range map[string]string{
		config:                          fmt.Sprintf(oldClickHouseConfig, ports[0], ports[1], dir),
		filepath.Join(dir, "users.xml"): fmt.Sprintf(oldClickHouseUsers, password),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	s := &OldClickHouse{Addr: addr(ports[0]), HTTPAddr: addr(ports[1])}
	s.Process = StartProcess(t, "clickhouse-server", program, []string{"--config-file=" + config})
	s.WaitReady(3*time.Minute, Dials(s.Addr))
	return s
}

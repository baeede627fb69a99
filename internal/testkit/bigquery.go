package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"google.golang.org/grpc"
)

// BigQuery is a server that speaks the Storage Write API and as much of the
// REST API as a loader uses, both on one port without TLS: it keeps offsets,
// applies changes of current rows by their sequence, and refuses what BigQuery
// would refuse. Of SQL it knows the statements that define tables, and a plain
// SELECT of columns; anything else goes to Evaluate.
type BigQuery struct {
	Endpoint string // http://host:port
	// Evaluate runs a query over the tables as they stand; nil refuses it.
	Evaluate func(tables []BigQueryTable, views []string, sql string) ([][]*string, error)

	storagepb.UnimplementedBigQueryWriteServer
	mu struct {
		sync.Mutex
		dataset  bool
		tables   map[string]*bigTable
		views    map[string]string // statement by name
		streams  map[string]*bigStream
		made     int // streams, ever
		left     int // appends that are still answered; below 0: all
		throttle int // appends that are refused for quota
		appends  int
		repeats  int // appends that were refused as repeats
		largest  int
	}
}

// BigQueryTable is a table with its current rows, or all where it has no key.
type BigQueryTable struct {
	Name    string
	Columns []BigQueryColumn
	Key     []string
	Rows    []map[string]any // text, int64, bool, []any of texts or of rows
}

// BigQueryColumn is a column and its SQL type.
type BigQueryColumn struct{ Name, Type string }

type bigTable struct {
	BigQueryTable
	description string
	current     map[string]bigRow // by key
}

type bigRow struct {
	sequence string
	row      map[string]any
}

// NewBigQuery starts a server on loopback; it ends with the test.
func NewBigQuery(t testing.TB) *BigQuery {
	t.Helper()
	b := &BigQuery{}
	b.mu.left = -1
	b.Reset()
	g := grpc.NewServer(grpc.MaxRecvMsgSize(2 * maxBigRequest))
	storagepb.RegisterBigQueryWriteServer(g, b)
	var both http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Protocols: &both, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			g.ServeHTTP(w, r)
			return
		}
		b.serveREST(w, r)
	})}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Endpoint = "http://" + l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with Close
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return b
}

// Reset drops the dataset.
func (b *BigQuery) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.dataset = false
	b.mu.tables, b.mu.views, b.mu.streams = map[string]*bigTable{}, map[string]string{}, map[string]*bigStream{}
}

// LoseAfter answers n more appends. The next is done and its answer lost; after
// it nothing is done until Heal.
func (b *BigQuery) LoseAfter(n int) {
	b.mu.Lock()
	b.mu.left = n
	b.mu.Unlock()
}

// Lost says whether an answer was lost since LoseAfter.
func (b *BigQuery) Lost() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.left == 0
}

// Heal answers everything again.
func (b *BigQuery) Heal() { b.LoseAfter(-1) }

// Throttle refuses the next n appends because a quota is used up.
func (b *BigQuery) Throttle(n int) {
	b.mu.Lock()
	b.mu.throttle = n
	b.mu.Unlock()
}

// Counts are how many appends and streams there were, how many appends were
// refused as repeats, and the largest request in bytes.
func (b *BigQuery) Counts() (appends, streams, repeats, largest int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.appends, b.mu.made, b.mu.repeats, b.mu.largest
}

// TruncateStreams forgets the last rows of every stream, as no store should.
func (b *BigQuery) TruncateStreams(rows int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.mu.streams {
		s.rows = max(0, s.rows-rows)
	}
}

// DropColumn takes a column off a table, and Describe changes what a table
// says about itself: a schema that somebody else made.
func (b *BigQuery) DropColumn(name, column string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.mu.tables[name]
	t.Columns = slices.DeleteFunc(t.Columns, func(c BigQueryColumn) bool { return c.Name == column })
}

// Describe sets a table's description.
func (b *BigQuery) Describe(name, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.tables[name] == nil {
		b.mu.dataset = true
		b.mu.tables[name] = &bigTable{BigQueryTable: BigQueryTable{Name: name}}
	}
	b.mu.tables[name].description = text
}

// Tables are all tables with their rows.
func (b *BigQuery) Tables() []BigQueryTable {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tablesLocked()
}

func (b *BigQuery) tablesLocked() []BigQueryTable {
	var out []BigQueryTable
	for _, t := range b.mu.tables {
		c := t.BigQueryTable
		c.Rows = slices.Clone(t.Rows)
		for _, r := range t.current {
			c.Rows = append(c.Rows, r.row)
		}
		out = append(out, c)
	}
	return out
}

// Rows are the rows of a table; nil when it is not there.
func (b *BigQuery) Rows(name string) []map[string]any {
	for _, t := range b.Tables() {
		if t.Name == name {
			return t.Rows
		}
	}
	return nil
}

type bigFault struct {
	status int
	reason string
	text   string
}

func (f *bigFault) Error() string { return f.text }

func (b *BigQuery) serveREST(w http.ResponseWriter, r *http.Request) {
	out, err := b.rest(r)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		f, ok := err.(*bigFault) //nolint:errorlint // made here
		if !ok {
			f = &bigFault{400, "invalidQuery", err.Error()}
		}
		w.WriteHeader(f.status)
		out = map[string]any{"error": map[string]any{"code": f.status, "message": f.text, "errors": []any{map[string]any{"reason": f.reason, "message": f.text}}}}
	}
	_ = json.NewEncoder(w).Encode(out) //nolint:errchkjson // who asked may have gone
}

var tablePath = regexp.MustCompile(`^/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/([^/]+)$`)

func (b *BigQuery) rest(r *http.Request) (any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.left == 0 {
		return nil, &bigFault{503, "backendError", "the service is currently unavailable"}
	}
	if m := tablePath.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodGet {
		t := b.mu.tables[m[1]]
		if t == nil {
			return nil, &bigFault{404, "notFound", "Not found: Table " + m[1]}
		}
		return map[string]any{"description": t.description}, nil
	}
	if !strings.HasSuffix(r.URL.Path, "/queries") || r.Method != http.MethodPost {
		return nil, &bigFault{404, "notFound", r.Method + " " + r.URL.Path}
	}
	var in struct {
		Query        string `json:"query"`
		UseLegacySQL *bool  `json:"useLegacySql"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.UseLegacySQL == nil || *in.UseLegacySQL {
		return nil, fmt.Errorf("want standard SQL: %w", err)
	}
	found, err := b.runLocked(in.Query)
	if err != nil {
		return nil, err
	}
	rows := []any{}
	for _, cells := range found {
		var f []any
		for _, c := range cells {
			f = append(f, map[string]any{"v": c})
		}
		rows = append(rows, map[string]any{"f": f})
	}
	return map[string]any{"jobComplete": true, "rows": rows, "jobReference": map[string]any{"jobId": "j", "location": "US"}}, nil
}

var (
	sqlTable       = "`[^`]*?([A-Za-z0-9_]+)`"
	createSchema   = regexp.MustCompile(`^CREATE SCHEMA IF NOT EXISTS `)
	createTable    = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS ` + sqlTable + ` \(`)
	addColumns     = regexp.MustCompile(`^ALTER TABLE ` + sqlTable + ` ADD COLUMN `)
	describedAs    = regexp.MustCompile(` OPTIONS\(description = '([^']*)'\)$`)
	setDescription = regexp.MustCompile(`^ALTER TABLE ` + sqlTable + ` SET OPTIONS\(description = '([^']*)'\)$`)
	createView     = regexp.MustCompile(`^CREATE OR REPLACE VIEW ` + sqlTable + ` AS `)
	plainSelect    = regexp.MustCompile("^SELECT ([`a-z_, ]+) FROM " + sqlTable + ` WHERE shard = 0$`)
	columnPattern  = regexp.MustCompile("^`?([A-Za-z_]+)`? (.+)$")
	keyPattern     = regexp.MustCompile(`^PRIMARY KEY \(([^)]*)\) NOT ENFORCED$`)
)

func (b *BigQuery) runLocked(q string) ([][]*string, error) {
	if createSchema.MatchString(q) {
		b.mu.dataset = true
		return nil, nil
	}
	if !b.mu.dataset {
		return nil, &bigFault{404, "notFound", "Not found: Dataset"}
	}
	if m := createTable.FindStringSubmatch(q); m != nil {
		if b.mu.tables[m[1]] == nil {
			b.mu.tables[m[1]] = parseTable(m[1], q[len(m[0]):])
			if d := describedAs.FindStringSubmatch(q); d != nil {
				b.mu.tables[m[1]].description = d[1]
			}
		}
		return nil, nil
	}
	if m := createView.FindStringSubmatch(q); m != nil {
		b.mu.views[m[1]] = q
		return nil, nil
	}
	for _, p := range []*regexp.Regexp{addColumns, setDescription} {
		m := p.FindStringSubmatch(q)
		if m == nil {
			continue
		}
		t := b.mu.tables[m[1]]
		switch {
		case t == nil:
			return nil, &bigFault{404, "notFound", "Not found: Table " + m[1]}
		case p == setDescription:
			t.description = m[2]
		default:
			t.addColumns(q)
		}
		return nil, nil
	}
	if m := plainSelect.FindStringSubmatch(q); m != nil {
		return b.selectLocked(m[2], strings.Split(strings.ReplaceAll(m[1], "`", ""), ", "))
	}
	if b.Evaluate == nil {
		return nil, fmt.Errorf("this server does not understand %.60q", q)
	}
	var views []string
	for _, v := range b.mu.views {
		views = append(views, v)
	}
	return b.Evaluate(b.tablesLocked(), views, q)
}

// parseTable reads what follows on the opening parenthesis.
func parseTable(name, rest string) *bigTable {
	t := &bigTable{BigQueryTable: BigQueryTable{Name: name}, current: map[string]bigRow{}}
	for _, item := range splitTop(rest) {
		if m := keyPattern.FindStringSubmatch(item); m != nil {
			t.Key = strings.Split(strings.ReplaceAll(m[1], "`", ""), ", ")
		} else if m := columnPattern.FindStringSubmatch(item); m != nil {
			t.Columns = append(t.Columns, BigQueryColumn{m[1], m[2]})
		}
	}
	return t
}

func (t *bigTable) addColumns(q string) {
	_, q, _ = strings.Cut(q, "ADD COLUMN ")
	for _, item := range splitTop("ADD COLUMN " + q) {
		m := columnPattern.FindStringSubmatch(strings.TrimPrefix(item, "ADD COLUMN IF NOT EXISTS "))
		if m != nil && !slices.ContainsFunc(t.Columns, func(c BigQueryColumn) bool { return c.Name == m[1] }) {
			t.Columns = append(t.Columns, BigQueryColumn{m[1], m[2]})
		}
	}
}

// splitTop splits at the commas outside of parentheses and angle brackets, up
// to the parenthesis that closes what was open before.
func splitTop(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '(', '<':
			depth++
		case ')', '>':
			if depth--; depth < 0 {
				return append(out, strings.TrimSpace(s[from:i]))
			}
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

func (b *BigQuery) selectLocked(name string, columns []string) ([][]*string, error) {
	t := b.mu.tables[name]
	if t == nil {
		return nil, &bigFault{404, "notFound", "Not found: Table " + name}
	}
	var out [][]*string
	for _, r := range t.current {
		var cells []*string
		for _, c := range columns {
			var cell *string
			if v, ok := r.row[c]; ok {
				text := fmt.Sprint(v)
				cell = &text
			}
			cells = append(cells, cell)
		}
		out = append(out, cells)
	}
	return out, nil
}

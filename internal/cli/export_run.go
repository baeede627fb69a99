package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/table"
)

func runExport(ctx context.Context, env *Env, o exportOptions) (err error) {
	if o.Out != "" {
		if _, err := isEmptyDir("--out", o.Out); err != nil {
			return err // a file, or not to be read
		}
	}
	if o.Server != "" {
		return o.fromServer(ctx, env)
	}
	d, err := o.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if o.Sink != "" {
		return o.toSink(ctx, env, d)
	}
	if o.Table != nil {
		return o.exportTable(ctx, env, d)
	}
	for _, t := range table.All {
		o.Table = t
		if err := o.exportTable(ctx, env, d); err != nil {
			return err
		}
	}
	return nil
}

func (o *exportOptions) exportTable(ctx context.Context, env *Env, d *data) error {
	if o.Table == table.DeadLetters && (o.From != event.NoTime || o.To != event.NoTime) {
		fmt.Fprintln(env.Stderr, "dead letters have no time of their own: all of them are exported")
	}
	return o.writeFile(ctx, env, func(fn func(table.Row) bool) error {
		return scanInRange(d.view, o.Table, o.From, o.To, fn)
	})
}

// scanInRange visits the rows of a table in the order of its key, those in
// [from, to) by the table's time; NoTime is no bound.
func scanInRange(v *pipeline.View, t *table.Table, from, to event.Millis, fn func(table.Row) bool) error {
	if from == event.NoTime && to == event.NoTime {
		return v.Scan(t, fn)
	}
	if to == event.NoTime {
		to = event.EndOfTime
	}
	switch t {
	case table.Credits: // of the conversions in the range
		in := map[string]bool{}
		err := v.ScanTime(table.Conversions, from, to, func(r table.Row) bool {
			in[r[0].Text] = true
			return true
		})
		if err != nil {
			return err
		}
		return v.ScanWhere(t, func(key table.Row) bool { return in[key[0].Text] }, fn)
	case table.Conversions, table.Sessions:
		name := "end"
		if t == table.Conversions {
			name = "event_time"
		}
		column := t.Col(name)
		return v.Scan(t, func(r table.Row) bool {
			at := event.Millis(r[column].Int)
			return at < from || at >= to || fn(r)
		})
	}
	return v.ScanTime(t, from, to, fn)
}

// writeFile writes the rows that scan gives to <table>.<format>. It takes the
// place of an earlier export of the table; whatever else the directory holds
// stays.
func (o *exportOptions) writeFile(ctx context.Context, env *Env, scan func(fn func(table.Row) bool) error) (err error) {
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return fmt.Errorf("make --out %s: %w", o.Out, err)
	}
	tmp, err := os.MkdirTemp(o.Out, ".tributary-export-")
	if err != nil {
		return fmt.Errorf("write to --out %s: %w", o.Out, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	out, err := files.OpenDir(tmp, false)
	if err != nil {
		return err
	}
	w, err := out.Create(o.Table, files.Format(o.Format))
	if err != nil {
		return err
	}
	bar := NewProgress(env, "export "+o.Table.Name, 0)
	rows, bad := int64(0), error(nil)
	err = scan(func(r table.Row) bool {
		bad = w.Write(r)
		if rows++; rows%8192 == 0 {
			bar.Set(rows, 0, event.NoTime)
			bad = errors.Join(bad, ctx.Err())
		}
		return bad == nil
	})
	bar.Stop()
	if err = errors.Join(err, bad); err != nil {
		return errors.Join(fmt.Errorf("export %s: %w", o.Table.Name, err), out.Abort())
	}
	if err := out.Commit(); err != nil {
		return err
	}
	name := files.Format(o.Format).FileName(o.Table)
	path := filepath.Join(o.Out, name)
	if err := os.Rename(filepath.Join(tmp, name), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = fmt.Fprintf(env.Stdout, "%d rows of %s in %s\n", rows, o.Table.Name, path)
	return err
}

// errNoSink says that a sink that is named is not configured.
func errNoSink(name, needs string) error {
	return &configs.Error{Faults: []configs.Fault{{Key: "sinks." + name, Message: "is not configured; add the section, or set " + needs + " in the environment"}}}
}

// openSink opens a sink of the configuration that commands can write to.
func openSink(cfg *configs.Config, name string) (*files.Sink, error) {
	on := map[string]bool{
		"redis": cfg.Sinks.Redis != nil, "clickhouse": cfg.Sinks.ClickHouse != nil, "kafka": cfg.Sinks.Kafka != nil, "files": cfg.Sinks.Files != nil,
		"postgres": cfg.Sinks.Postgres != nil, "bigquery": cfg.Sinks.BigQuery != nil, "snowflake": cfg.Sinks.Snowflake != nil,
	}
	if !on[name] {
		return nil, errNoSink(name, "TRIBUTARY_SINKS_"+strings.ToUpper(name)+"_...")
	}
	if name != "files" {
		return nil, &Exit{ExitConfig, fmt.Errorf("sinks.%s: this build cannot write to it from the command line; tributary serve keeps it in step", name)}
	}
	format, err := files.ParseFormat(cfg.Sinks.Files.Format)
	if err != nil {
		return nil, err
	}
	return files.NewSink(cfg.Sinks.Files.Dir, format)
}

// toSink makes a sink hold the state. The files sink is one commit of all
// tables, so that all are written.
func (o *exportOptions) toSink(ctx context.Context, env *Env, d *data) (err error) {
	sink, err := openSink(d.cfg, o.Sink)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	at, err := sink.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("ask the sink how far it is: %w", err)
	}
	if at.Epoch > d.store.Epoch() {
		return fmt.Errorf("the sink holds %s of another owner, the state is at epoch %d; start tributary serve on this state, it takes a later epoch", at, d.store.Epoch())
	}
	// The view is closed with the data, not here.
	if err := sink.Resync(ctx, service.SinkView(d.view, d.store.Epoch())); err != nil {
		return fmt.Errorf("write to sink %s: %w", o.Sink, err)
	}
	if o.From != event.NoTime || o.To != event.NoTime || o.Table != nil {
		fmt.Fprintln(env.Stderr, "the files sink holds all tables as of one commit: all of them were written, in full")
	}
	_, err = fmt.Fprintf(env.Stdout, "sink %s holds epoch %d commit %d\n", o.Sink, d.store.Epoch(), d.view.Commit)
	return err
}

// serverLists are the routes that give the rows of a table whole.
var serverLists = map[*table.Table]string{
	table.Conversions: "/v1/conversions", table.Sessions: "/v1/sessions",
	table.LateEvents: "/v1/late-events", table.DeadLetters: "/v1/dead-letters",
}

// fromServer reads a table over the API, page by page.
func (o *exportOptions) fromServer(ctx context.Context, env *Env) error {
	route, ok := serverLists[o.Table]
	if !ok || o.Sink != "" {
		var names []string
		for t := range serverLists {
			names = append(names, t.Name)
		}
		slices.Sort(names)
		what := "all tables"
		switch {
		case o.Sink != "":
			what = "an export to a sink"
		case o.Table != nil:
			what = "table " + o.Table.Name
		}
		return fmt.Errorf("%s cannot be had from a running server; over the API there are whole rows of %s. Stop the server and export from its directory with --data, or let a sink keep the tables", what, strings.Join(names, ", "))
	}
	var rows []table.Row
	cursor := ""
	for {
		q := url.Values{"limit": {"1000"}}
		if o.Table != table.DeadLetters {
			if o.From != event.NoTime {
				q.Set("from", o.From.String())
			}
			if o.To != event.NoTime {
				q.Set("to", o.To.String())
			}
			if o.From == event.NoTime && o.To != event.NoTime {
				q.Set("from", event.Millis(0).String())
			}
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		status, body, err := o.get(ctx, route+"?"+q.Encode())
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return problem(status, body)
		}
		var page struct {
			Data   []map[string]any `json:"data"`
			Cursor *string          `json:"next_cursor"`
		}
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.UseNumber()
		if err := dec.Decode(&page); err != nil {
			return fmt.Errorf("read %s of the server: %w", o.Table.Name, err)
		}
		for _, x := range page.Data {
			r, err := rowFromAPI(o.Table, x)
			if err != nil {
				return fmt.Errorf("read %s of the server: %w", o.Table.Name, err)
			}
			rows = append(rows, r)
		}
		if page.Cursor == nil {
			break
		}
		cursor = *page.Cursor
	}
	// Rows may move between pages while the server works on: each counts once.
	slices.SortStableFunc(rows, o.Table.Compare)
	rows = slices.CompactFunc(rows, func(a, b table.Row) bool { return o.Table.Compare(a, b) == 0 })
	return o.writeFile(ctx, env, func(fn func(table.Row) bool) error {
		for _, r := range rows {
			if !fn(r) {
				break
			}
		}
		return nil
	})
}

// rowFromAPI reads a row of an answer: times are texts or null, money an
// object with the column's name less its unit.
func rowFromAPI(t *table.Table, x map[string]any) (table.Row, error) {
	row := make(table.Row, len(t.Columns))
	for i, c := range t.Columns {
		name, isMoney := strings.CutSuffix(c.Name, "_micros")
		v, there := x[name]
		if !there {
			return nil, fmt.Errorf("a row lacks %s; is the server of another version?", name)
		}
		bad := fmt.Errorf("%s is %v", name, v)
		switch {
		case isMoney:
			m, _ := v.(map[string]any)
			text, _ := m["amount"].(string)
			n, ok := parseMicros(text)
			if !ok {
				return nil, bad
			}
			row[i] = table.Money(n)
		case c.Type == table.Text:
			s, ok := v.(string)
			if !ok {
				return nil, bad
			}
			row[i] = table.T(s)
		case c.Type == table.Int:
			n, _ := v.(json.Number)
			whole, err := n.Int64()
			if err != nil {
				return nil, bad
			}
			row[i] = table.I(whole)
		case c.Type == table.Time && v == nil:
			row[i] = table.At(event.NoTime)
		case c.Type == table.Time:
			s, _ := v.(string)
			at, err := time.Parse(time.RFC3339Nano, s)
			if err != nil {
				return nil, bad
			}
			row[i] = table.At(event.Millis(at.UnixMilli()))
		default:
			return nil, bad
		}
	}
	return row, nil
}

// parseMicros reads an amount as the API writes it: exact, at most six digits
// behind the point.
func parseMicros(s string) (event.Micros, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" || len(fraction) > 6 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction+"000000"[len(fraction):], 10, 64)
	return event.Micros(n), err == nil
}

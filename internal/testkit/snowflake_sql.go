package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// snowTable is a table of the server that executes by itself: the rows by
// their key, the values by their column.
type snowTable struct {
	rows map[string]map[string]any
}

var (
	snowName   = `"\w+"\."\w+"\."(\w+)"`
	snowCreate = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS ` + snowName)
	snowAlter  = regexp.MustCompile(`^ALTER TABLE ` + snowName + ` ADD COLUMN IF NOT EXISTS `)
	snowMerge  = regexp.MustCompile(`^MERGE INTO ` + snowName + ` t USING \(SELECT .* FROM \(SELECT PARSE_JSON\(\?\) AS doc\) d, LATERAL FLATTEN\(INPUT => d\.doc\) f\) s ON (.*?) WHEN MATCHED AND s\."(\w+)" >= t\."(\w+)" THEN UPDATE SET .* WHEN NOT MATCHED THEN INSERT \(([^)]*)\)`)
	snowMark   = regexp.MustCompile(`^MERGE INTO ` + snowName + ` t USING \(SELECT 1 AS "ONE", (\d+) AS "VERSION", '(\w+)' AS "HASH"\)`)
	snowDelete = regexp.MustCompile(`^DELETE FROM ` + snowName + ` WHERE "REV" < (\d+)$`)
	snowSelect = regexp.MustCompile(`^SELECT (.*) FROM ` + snowName + ` WHERE "(?:ONE" = 1|SHARD" = 0)$`)
	snowColumn = regexp.MustCompile(`"(\w+)"`)
)

func (s *Snowflake) tableLocked(name string) (*snowTable, error) {
	if t := s.mu.tables[name]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("SQL compilation error: Object '%s' does not exist or not authorized", name)
}

func (s *Snowflake) runLocked(_, _, sql string, bound []string) ([][]*string, error) {
	if strings.HasPrefix(sql, "CREATE SCHEMA IF NOT EXISTS ") || strings.HasPrefix(sql, "CREATE OR REPLACE VIEW ") || strings.Contains(sql, ".INFORMATION_SCHEMA.TABLES ") {
		return nil, nil
	}
	if m := snowCreate.FindStringSubmatch(sql); m != nil {
		if s.mu.tables[m[1]] == nil {
			s.mu.tables[m[1]] = &snowTable{rows: map[string]map[string]any{}}
		}
		return nil, nil
	}
	for _, x := range []struct {
		p   *regexp.Regexp
		run func(t *snowTable, m []string) ([][]*string, error)
	}{
		{snowAlter, func(*snowTable, []string) ([][]*string, error) { return nil, nil }},
		{snowMerge, func(t *snowTable, m []string) ([][]*string, error) { return nil, t.merge(m, bound) }},
		{snowMark, func(t *snowTable, m []string) ([][]*string, error) {
			t.rows["1"] = map[string]any{"VERSION": m[2], "HASH": m[3]}
			return nil, nil
		}},
		{snowDelete, func(t *snowTable, m []string) ([][]*string, error) { t.deleteBelow(m[2]); return nil, nil }},
	} {
		if m := x.p.FindStringSubmatch(sql); m != nil {
			t, err := s.tableLocked(m[1])
			if err != nil {
				return nil, err
			}
			return x.run(t, m)
		}
	}
	if m := snowSelect.FindStringSubmatch(sql); m != nil {
		t, err := s.tableLocked(m[2])
		if err != nil {
			return nil, err
		}
		return t.choose(m[1]), nil
	}
	return nil, fmt.Errorf("this server does not understand %.80q", sql)
}

// merge puts rows in that are not older than what is there.
func (t *snowTable) merge(m, bound []string) error {
	if len(bound) != 1 {
		return fmt.Errorf("got %d bound texts", len(bound))
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(bound[0])))
	dec.UseNumber()
	var all [][]any
	if err := dec.Decode(&all); err != nil {
		return err
	}
	var key, columns []string
	for _, c := range snowColumn.FindAllStringSubmatch(m[2], -1) {
		key = append(key, c[1])
	}
	for _, c := range snowColumn.FindAllStringSubmatch(m[5], -1) {
		columns = append(columns, c[1])
	}
	seen := map[string]bool{}
	for _, values := range all {
		if len(values) != len(columns) {
			return fmt.Errorf("got %d values for %d columns", len(values), len(columns))
		}
		row := map[string]any{}
		for i, c := range columns {
			row[c] = values[i]
		}
		var id strings.Builder
		for _, k := range key {
			fmt.Fprintf(&id, "%v\x00", row[k])
		}
		if seen[id.String()] {
			return fmt.Errorf("Duplicate row detected during DML action: %v", row)
		}
		seen[id.String()] = true
		if old := t.rows[id.String()]; old == nil || number(row[m[3]]) >= number(old[m[4]]) {
			t.rows[id.String()] = row
		}
	}
	return nil
}

func number(v any) uint64 {
	n, _ := strconv.ParseUint(fmt.Sprint(v), 10, 64) // 0 where it is none
	return n
}

func (t *snowTable) deleteBelow(rev string) {
	for id, row := range t.rows {
		if number(row["REV"]) < number(rev) {
			delete(t.rows, id)
		}
	}
}

// choose gives columns of all rows; a time as milliseconds, which is how a
// loader asks for it.
func (t *snowTable) choose(list string) [][]*string {
	out := [][]*string{}
	for _, row := range t.rows {
		var cells []*string
		for _, c := range snowColumn.FindAllStringSubmatch(list, -1) {
			v := row[c[1]]
			if v == nil {
				cells = append(cells, nil)
				continue
			}
			text := fmt.Sprint(v)
			if at, err := parseSnowTime(text); err == nil {
				text = strconv.FormatInt(at, 10)
			}
			cells = append(cells, &text)
		}
		out = append(out, cells)
	}
	return out
}

// Rows are the rows of a table, the values by their columns in capitals.
func (s *Snowflake) Rows(name string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mu.tables[strings.ToUpper(name)]
	if t == nil {
		return nil
	}
	var out []map[string]any
	for _, r := range t.rows {
		out = append(out, r)
	}
	return out
}

// Mark sets what the schema says about itself.
func (s *Snowflake) Mark(version int, hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mu.tables["TRIBUTARY_SCHEMA"]
	if t == nil {
		t = &snowTable{rows: map[string]map[string]any{}}
		s.mu.tables["TRIBUTARY_SCHEMA"] = t
	}
	t.rows["1"] = map[string]any{"VERSION": strconv.Itoa(version), "HASH": hash}
}

// parseSnowTime reads a time without a zone as milliseconds since the epoch.
func parseSnowTime(text string) (int64, error) {
	t, err := time.Parse("2006-01-02T15:04:05.000", text)
	return t.UnixMilli(), err
}

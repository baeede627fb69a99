package testkit

import (
	"bufio"
	_ "embed" // the program below
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

//go:embed warehouse_sql.py
var warehouseSQL string

// The packages that run the warehouses' SQL. They are no part of the product.
var warehousePackages = []string{"duckdb==2.0.0", "sqlglot==30.22.0", "fakesnow==0.12.1", "snowflake-connector-python==4.8.1"}

// WarehouseSQL runs the SQL of BigQuery and Snowflake, translated to that of
// DuckDB: so that statements and views are not only compared with themselves.
// Any goroutine may use it.
type WarehouseSQL struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

// StartWarehouseSQL installs and starts the translator; it takes some seconds,
// the first time a minute.
func StartWarehouseSQL(t testing.TB) *WarehouseSQL {
	t.Helper()
	python := Program(t, "python3", "python3", "python3-venv")
	dir := Install(t, "warehouse-sql-1", func(dir string) error {
		// An environment knows its own place: it is made where it will be.
		final := dir[:len(dir)-len(".half")] + ".env"
		if err := os.RemoveAll(final); err != nil {
			return err
		}
		if err := runQuietly(2*time.Minute, "/", python, "-m", "venv", final); err != nil {
			return err
		}
		args := append([]string{"install", "-q", "--disable-pip-version-check"}, warehousePackages...)
		return runQuietly(10*time.Minute, "/", filepath.Join(final, "bin", "pip"), args...)
	})
	cmd := exec.Command(filepath.Join(dir+".env", "bin", "python"), "-c", warehouseSQL) //nolint:gosec,noctx // our own program; it ends with its input
	dieTogether(cmd)
	cmd.Stderr = os.Stderr
	w := &WarehouseSQL{}
	var err error
	if w.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewReaderSize(out, 1<<20)
	if err := cmd.Start(); err != nil {
		Unavailable(t, "the translator of SQL", err)
	}
	t.Cleanup(func() {
		_ = w.in.Close() // it ends with its input
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	if _, err := w.out.ReadString('\n'); err != nil {
		t.Fatalf("the translator of SQL did not start: %v", err)
	}
	return w
}

func (w *WarehouseSQL) ask(request map[string]any) ([][]*string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := w.in.Write(append(raw, '\n')); err != nil {
		return nil, err
	}
	line, err := w.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the translator of SQL is gone: %w", err)
	}
	var answer struct {
		Rows  [][]*string `json:"rows"`
		Error string      `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Rows, nil
}

// BigQuery runs a query; it fits BigQuery.Evaluate.
func (w *WarehouseSQL) BigQuery(tables []BigQueryTable, views []string, sql string) ([][]*string, error) {
	for i := range tables {
		if tables[i].Rows == nil {
			tables[i].Rows = []map[string]any{}
		}
	}
	return w.ask(map[string]any{"store": "bigquery", "tables": tables, "views": views, "sql": sql})
}

// Snowflake runs a statement in an account whose tables stay as long as the
// translator.
func (w *WarehouseSQL) Snowflake(database, schema, sql string, bindings []string) ([][]*string, error) {
	return w.ask(map[string]any{"store": "snowflake", "database": database, "schema": schema, "sql": sql, "bindings": bindings})
}

package testkit

import (
	"path/filepath"
	"testing"
	"time"
)

// pythonTables names the versions that tests read tables back with.
var pythonTables = []string{"duckdb==2.0.0", "pyarrow==26.0.1"}

// PythonTables is a Python interpreter that has duckdb and pyarrow.
func PythonTables(t testing.TB) string {
	t.Helper()
	python := Program(t, "python3", "python3", "python3-venv")
	dir := Install(t, "python-tables-1", func(dir string) error {
		if err := runQuietly(5*time.Minute, "", python, "-m", "venv", dir); err != nil {
			return err
		}
		return runQuietly(10*time.Minute, "", filepath.Join(dir, "bin", "python"), append([]string{"-m", "pip", "install", "--quiet"}, pythonTables...)...)
	})
	return filepath.Join(dir, "bin", "python")
}

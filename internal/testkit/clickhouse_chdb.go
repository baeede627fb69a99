package testkit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// chdbVersion is the release of ClickHouse as a library that tests run against.
const chdbVersion = "26.7.3-stable.1"

// chdb is the ClickHouse engine in this process: libchdb, called without cgo.
// There is one for all tests of a process, because the library holds one
// directory at a time; tests use databases of their own. It is never closed:
// the library's threads end with the process.
type chdb struct {
	mu   sync.Mutex // the connection answers one question at a time
	conn uintptr
	dir  string
}

// The functions of libchdb that are used (chdb.h).
var (
	chdbConnect     func(argc int32, argv uintptr) uintptr
	chdbQuery       func(conn uintptr, query *byte, queryLen uintptr, format *byte, formatLen uintptr) uintptr
	chdbBuffer      func(result uintptr) uintptr
	chdbLength      func(result uintptr) uintptr
	chdbError       func(result uintptr) uintptr
	chdbWritten     func(result uintptr) uint64
	chdbFree        func(result uintptr)
	chdbSignals     func(on int32)
	chdbInsert      func(conn uintptr, query *byte, queryLen uintptr, format *byte, formatLen uintptr) uintptr
	chdbAppend      func(stream uintptr, data *byte, n uintptr) int32
	chdbInsertDone  func(stream uintptr) uintptr
	chdbInsertError func(stream uintptr) uintptr
	chdbInsertFree  func(stream uintptr)
)

var chdbFunctions = map[string]any{
	"chdb_connect": &chdbConnect, "chdb_query_n": &chdbQuery, "chdb_result_buffer": &chdbBuffer, "chdb_result_length": &chdbLength,
	"chdb_result_error": &chdbError, "chdb_result_rows_written": &chdbWritten, "chdb_destroy_query_result": &chdbFree,
	"chdb_set_signal_handlers_enabled": &chdbSignals, "chdb_stream_insert_n": &chdbInsert, "chdb_stream_append": &chdbAppend,
	"chdb_stream_done": &chdbInsertDone, "chdb_stream_insert_error": &chdbInsertError, "chdb_destroy_insert_stream": &chdbInsertFree,
}

var chdbOnce struct {
	sync.Once
	engine *chdb
	err    error
}

// openChdb gives the engine; the first to ask installs and loads it.
func openChdb(t testing.TB) *chdb {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		Unavailable(t, "libchdb", errors.New("it is fetched for linux on amd64 alone"))
	}
	dir := Install(t, "chdb-"+chdbVersion, func(dir string) error {
		npm, err := installPackages("npm", []string{"npm"})
		if err != nil {
			return err
		}
		return runQuietly(10*time.Minute, dir, npm, "install", "--no-save", "--no-audit", "--no-fund", "--prefix", dir, "@chdb/lib-linux-x64-gnu@"+chdbVersion)
	})
	chdbOnce.Do(func() {
		chdbOnce.engine, chdbOnce.err = loadChdb(filepath.Join(dir, "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"))
	})
	if chdbOnce.err != nil {
		t.Fatalf("load libchdb: %v", chdbOnce.err)
	}
	return chdbOnce.engine
}

// sweepChdb removes the directories of processes that are gone: the engine is
// never closed, so that nobody can remove its own.
func sweepChdb() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "tributary-chdb-*-*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), "tributary-chdb-%d-", &pid); err != nil {
			continue
		}
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir) // the next run tries again
		}
	}
}

func loadChdb(library string) (*chdb, error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	for name, fn := range chdbFunctions {
		purego.RegisterLibFunc(fn, handle, name)
	}
	chdbSignals(0) // before the first connection: signals belong to Go
	sweepChdb()
	dir, err := os.MkdirTemp("", fmt.Sprintf("tributary-chdb-%d-", os.Getpid()))
	if err != nil {
		return nil, err
	}
	args := [][]byte{[]byte("clickhouse\x00"), []byte("--path=" + dir + "\x00")}
	argv := []uintptr{uintptr(unsafe.Pointer(&args[0][0])), uintptr(unsafe.Pointer(&args[1][0])), 0}
	p := chdbConnect(2, uintptr(unsafe.Pointer(&argv[0])))
	runtime.KeepAlive(args)
	runtime.KeepAlive(argv)
	if p == 0 {
		return nil, errors.Join(errors.New("chdb_connect failed"), os.RemoveAll(dir))
	}
	return &chdb{conn: *(*uintptr)(foreign(p)), dir: dir}, nil
}

// foreign makes a pointer of an address that is not Go's.
func foreign(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func first(b []byte) *byte {
	if len(b) == 0 {
		return nil
	}
	return &b[0]
}

// text copies a C string.
func text(p uintptr) string {
	if p == 0 {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(foreign(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(foreign(p)), n))
}

// query runs one statement and gives its answer in a format.
func (e *chdb) query(sql, format string) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q, f := []byte(sql), []byte(format)
	out, _, err := take(chdbQuery(e.conn, first(q), uintptr(len(q)), first(f), uintptr(len(f))))
	return out, err
}

// insert runs an INSERT with its data, and gives the number of rows.
func (e *chdb) insert(sql, format string, data []byte) (uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q, f := []byte(sql), []byte(format)
	stream := chdbInsert(e.conn, first(q), uintptr(len(q)), first(f), uintptr(len(f)))
	defer chdbInsertFree(stream)
	if m := text(chdbInsertError(stream)); m != "" {
		return 0, errors.New(m)
	}
	if len(data) > 0 && chdbAppend(stream, first(data), uintptr(len(data))) != 0 {
		return 0, errors.New(text(chdbInsertError(stream)))
	}
	_, n, err := take(chdbInsertDone(stream))
	return n, err
}

// take copies a result and frees it.
func take(result uintptr) ([]byte, uint64, error) {
	if result == 0 {
		return nil, 0, errors.New("libchdb gave no result")
	}
	defer chdbFree(result)
	if m := text(chdbError(result)); m != "" {
		return nil, 0, fmt.Errorf("%s", m)
	}
	out := make([]byte, int(chdbLength(result)))
	if len(out) > 0 {
		copy(out, unsafe.Slice((*byte)(foreign(chdbBuffer(result))), len(out)))
	}
	return out, chdbWritten(result), nil
}

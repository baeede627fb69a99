package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Postgres is a real PostgreSQL server with an empty data directory of its own.
// Everybody who can reach it may do everything.
type Postgres struct {
	Addr string // host:port, on loopback
	Dir  string // its data

	t       testing.TB
	bin     string // directory of the programs
	options []string
	*Process
}

// StartPostgres installs and starts a server; it takes a few seconds. Options
// are settings as in postgresql.conf, such as "max_connections=20".
func StartPostgres(t testing.TB, options ...string) *Postgres {
	t.Helper()
	p := &Postgres{t: t, options: options}
	var err error
	if p.bin, err = postgresPrograms(); err != nil {
		Unavailable(t, "PostgreSQL", err)
	}
	if p.Dir, err = os.MkdirTemp("", "tributary-postgres-"); err != nil { //nolint:usetesting // only the test's own user may enter the parents of t.TempDir
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(p.Dir) })
	program, args := p.command("initdb", "-D", p.Dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if os.Geteuid() == 0 {
		uid, gid, err := postgresUser()
		if err == nil {
			err = os.Chown(p.Dir, uid, gid)
		}
		if err != nil {
			Unavailable(t, "PostgreSQL", err)
		}
	}
	if err := runQuietly(5*time.Minute, "/", program, args...); err != nil {
		Unavailable(t, "PostgreSQL", err)
	}
	p.Addr = "127.0.0.1:" + strconv.Itoa(FreePorts(t, 1)[0])
	p.Start()
	return p
}

// Start starts the server again after a Kill or Stop, on the same data.
func (p *Postgres) Start() {
	p.t.Helper()
	_, port, _ := strings.Cut(p.Addr, ":")
	args := []string{"-D", p.Dir, "-h", "127.0.0.1", "-p", port, "-k", ""}
	for _, o := range p.options {
		args = append(args, "-c", o)
	}
	program, args := p.command("postgres", args...)
	p.Process = StartProcess(p.t, "postgres", program, args)
	p.WaitReady(3*time.Minute, func(ctx context.Context) error {
		return exec.CommandContext(ctx, filepath.Join(p.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port).Run() //nolint:gosec // a program of the server
	})
}

// DSN names a database of the server, through addr where it is not empty.
func (p *Postgres) DSN(addr string) string {
	if addr == "" {
		addr = p.Addr
	}
	return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", addr)
}

// command runs a program of the server as the user postgres when the test runs
// as root, whom the server refuses.
func (p *Postgres) command(name string, args ...string) (string, []string) {
	path := filepath.Join(p.bin, name)
	if os.Geteuid() != 0 {
		return path, args
	}
	return "setpriv", append([]string{"--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig", "KILL", path}, args...)
}

func postgresUser() (uid, gid int, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// postgresPrograms finds the newest server; Debian keeps them out of PATH.
func postgresPrograms() (string, error) {
	find := func() string {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is good
		if len(found) > 0 {
			slices.SortFunc(found, func(a, b string) int {
				return version(b) - version(a)
			})
			return filepath.Dir(found[0])
		}
		if path, err := exec.LookPath("initdb"); err == nil {
			return filepath.Dir(path)
		}
		return ""
	}
	if dir := find(); dir != "" {
		return dir, nil
	}
	if _, err := installPackages("initdb", []string{"postgresql"}); err != nil && find() == "" {
		return "", err
	}
	if dir := find(); dir != "" {
		return dir, nil
	}
	return "", errors.New("the package postgresql brought no initdb")
}

// version is N of /usr/lib/postgresql/N/bin/initdb.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 where it is none
	return n
}

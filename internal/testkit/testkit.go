// Package testkit gives tests the real servers that the product talks to. Each
// server has a file of its own; this one holds what they share: where things are
// kept, how what is missing is installed, free ports, and processes.
//
// Invariants:
//  1. Servers listen on loopback alone, on ports that were free.
//  2. Whoever asks for a server need not stop it: it ends with the test, and on
//     Linux also with the test process however that ends.
//  3. What cannot be had skips the test, unless RequireEnv says that it fails.
package testkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// RequireEnv names the variable that makes a missing server a failure, when it
// is "require": CI must not pass by having tested nothing.
const RequireEnv = "TRIBUTARY_TEST_SERVERS"

// Unavailable ends the test because something that it needs cannot be had.
func Unavailable(t testing.TB, what string, err error) {
	t.Helper()
	if os.Getenv(RequireEnv) == "require" {
		t.Fatalf("%s is needed (%s=require): %v", what, RequireEnv, err)
	}
	t.Skipf("%s is needed: %v", what, err)
}

// cacheDir is the directory .cache at the root of the repository.
func cacheDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".cache"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory: tests run inside the repository")
		}
	}
}

// Install gives the directory .cache/servers/name, and has it filled by fill
// when it is not there yet. Test processes that ask at the same time wait for
// the first. What fill leaves behind when it fails is thrown away.
func Install(t testing.TB, name string, fill func(dir string) error) string {
	t.Helper()
	dir, err := install(name, fill)
	if err != nil {
		Unavailable(t, name, err)
	}
	return dir
}

func install(name string, fill func(dir string) error) (_ string, err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	servers := filepath.Join(cache, "servers")
	if err := os.MkdirAll(servers, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(servers, name)
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	half := dir + ".half"
	if err := os.RemoveAll(half); err != nil {
		return "", err
	}
	if err := os.Mkdir(half, 0o755); err != nil {
		return "", err
	}
	if err := fill(half); err != nil {
		return "", errors.Join(fmt.Errorf("install %s: %w", name, err), os.RemoveAll(half))
	}
	return dir, os.Rename(half, dir)
}

// lock takes a lock between processes.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil // closing lets go of it
}

// Program finds a program, or has the system's packages installed that bring
// it; those need root and apt-get.
func Program(t testing.TB, program string, packages ...string) string {
	t.Helper()
	path, err := installPackages(program, packages)
	if err != nil {
		Unavailable(t, program, err)
	}
	return path
}

func installPackages(program string, packages []string) (path string, err error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if len(packages) == 0 || os.Geteuid() != 0 {
		return "", fmt.Errorf("%s is not on PATH, and packages can only be installed by root", program)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "packages.lock"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if path, err := exec.LookPath(program); err == nil {
		return path, nil // somebody else was quicker
	}
	for _, args := range [][]string{{"update"}, append([]string{"install", "-y", "--no-install-recommends"}, packages...)} {
		if err := runQuietly(10*time.Minute, "", "apt-get", args...); err != nil {
			return "", err
		}
	}
	return exec.LookPath(program)
}

// runQuietly runs a command to its end; what it said is in the error.
func runQuietly(limit time.Duration, dir, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the tests choose the programs
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out[max(0, len(out)-4000):])
	}
	return nil
}

// FreePorts gives ports of loopback that nobody listens on now.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	var open []net.Listener
	for range n {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		open, ports = append(open, l), append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range open { // all at once, so that none is given out twice
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return ports
}

// WaitUntil asks until the answer is yes, and fails the test when that takes
// longer than limit; why says what it is waiting for.
func WaitUntil(t testing.TB, limit time.Duration, why string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for: %s", limit, why)
		}
	}
}

// Process is a server that a test runs. Its methods belong to the test's
// goroutine, but Exited and Output may be asked by any.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	output tail
	exited chan struct{}
}

// StartProcess starts a server; it is killed when the test ends, unless it was
// stopped before.
func StartProcess(t testing.TB, name, program string, args []string, env ...string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, exited: make(chan struct{})}
	p.cmd = exec.Command(program, args...) //nolint:noctx,gosec // the tests choose the program; it lives as long as the test, which kills it by pid
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	dieTogether(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in the log; a killed server always fails
		close(p.exited)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Pid of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Output is the end of what the process wrote.
func (p *Process) Output() string { return p.output.String() }

// Kill ends the process at once, and waits for it.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop asks the process to end, and kills it when it does not within 30 s.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Pause stops the process's clock: it keeps its connections and answers
// nothing until Resume.
func (p *Process) Pause() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume goes on after a Pause.
func (p *Process) Resume() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

func (p *Process) end(how syscall.Signal) {
	_ = p.cmd.Process.Signal(how) // it may have ended by itself
	select {
	case <-p.exited:
		return
	case <-time.After(30 * time.Second):
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// WaitReady waits until ready says nil, and fails the test with what the server
// wrote when that takes too long or the server ends.
func (p *Process) WaitReady(limit time.Duration, ready func(ctx context.Context) error) {
	p.t.Helper()
	if err := p.waitReady(limit, ready); err != nil {
		p.t.Fatalf("%s did not become ready: %v\n%s", p.name, err, p.Output())
	}
}

func (p *Process) waitReady(limit time.Duration, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", limit, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Dials is a test for readiness: something listens at the address.
func Dials(addr string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 64 << 10

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if over := len(w.text) - maxTail; over > 0 {
		w.text = append(w.text[:0], w.text[over:]...)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}

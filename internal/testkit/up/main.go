// Command up runs the topology of docker-compose.yml without Docker: the servers
// that the tests use, the program with the same configuration file, and the
// traffic generator. Everything listens on loopback, begins empty, and is gone
// at the end.
//
// Invariants:
//  1. What it starts it stops, in reverse, also when something fails on the way.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "up:", err)
		os.Exit(1)
	}
}

// stack is a testing.TB for servers that outlive any test.
type stack struct {
	testing.TB                 // nil: what is not below is not used by the kit's servers
	ctx        context.Context //nolint:containedctx // testing.TB has it too
	dir        string
	n          int
	cleanups   []func()
}

type ended struct {
	skipped bool
	why     string
}

func (s *stack) Helper()                  {}
func (s *stack) Name() string             { return "up" }
func (s *stack) Context() context.Context { return s.ctx }
func (s *stack) Cleanup(fn func())        { s.cleanups = append(s.cleanups, fn) }
func (s *stack) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
func (s *stack) Errorf(format string, args ...any) { s.Logf(format, args...) }
func (s *stack) Fatal(args ...any)                 { panic(ended{why: fmt.Sprint(args...)}) }
func (s *stack) Fatalf(format string, args ...any) { panic(ended{why: fmt.Sprintf(format, args...)}) }

func (s *stack) Skipf(format string, args ...any) {
	panic(ended{skipped: true, why: fmt.Sprintf(format, args...)})
}

func (s *stack) TempDir() string {
	s.n++
	dir := filepath.Join(s.dir, fmt.Sprint(s.n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	return dir
}

func (s *stack) stop() {
	for _, fn := range slices.Backward(s.cleanups) {
		fn()
	}
}

// start runs a server's start; skipped says that it cannot be had here.
func start(fn func()) (skipped string, err error) {
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(ended)
			if !ok {
				panic(v)
			}
			if e.skipped {
				skipped = e.why
			} else {
				err = errors.New(e.why)
			}
		}
	}()
	fn()
	return "", nil
}

func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "tributary-up-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &stack{ctx: ctx, dir: dir}
	defer s.stop()

	config, err := os.ReadFile("deploy/tributary.yaml")
	if err != nil {
		return fmt.Errorf("run it at the root of the repository: %w", err)
	}
	env := append(os.Environ(), "TRIBUTARY_STATE_DIR="+filepath.Join(dir, "state"))
	brokers := ""
	for _, server := range []struct {
		name  string
		begin func()
	}{
		{"kafka", func() {
			brokers = testkit.StartKafka(s).Brokers[0]
			env = append(env, "TRIBUTARY_KAFKA_BROKERS="+brokers)
		}},
		{"redis", func() { env = append(env, "TRIBUTARY_SINKS_REDIS_ADDRS="+testkit.StartRedis(s).Addr) }},
		{"clickhouse", func() {
			c := testkit.StartClickHouse(s)
			// Its front does not speak compression.
			env = append(env, "TRIBUTARY_SINKS_CLICKHOUSE_ADDRS="+c.Addr, "TRIBUTARY_SINKS_CLICKHOUSE_DATABASE="+c.Database, "TRIBUTARY_SINKS_CLICKHOUSE_COMPRESSION=none")
		}},
	} {
		fmt.Fprintln(out, "starting", server.name)
		skipped, err := start(server.begin)
		if err == nil && skipped != "" && server.name == "kafka" {
			err = errors.New(skipped)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
		if skipped != "" {
			fmt.Fprintf(out, "WITHOUT %s, which this machine cannot run: %s\n", server.name, skipped)
			config = without(config, server.name)
		}
	}
	file := filepath.Join(dir, "tributary.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	env = append(env, "TRIBUTARY_CONFIG="+file)
	return s.program(ctx, out, env, brokers)
}

// without takes the line of a sink out of the configuration.
func without(config []byte, name string) []byte {
	var kept []string
	for line := range strings.Lines(string(config)) {
		if !strings.HasPrefix(strings.TrimSpace(line), name+":") {
			kept = append(kept, line)
		}
	}
	return []byte(strings.Join(kept, ""))
}

// program runs the service and the generator until ctx ends.
func (s *stack) program(ctx context.Context, out io.Writer, env []string, brokers string) error {
	binary, err := filepath.Abs("bin/tributary")
	if err != nil {
		return err
	}
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the program that was just built, and arguments of ours
		c.Env, c.Stderr = env, os.Stderr
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
		c.WaitDelay = time.Minute
		return c
	}
	key, err := command("key", "create", "--name", "me", "--scope", "admin").Output()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	// The generator makes the topics, and the source wants them to be there.
	generator := command("generate", "--live", "--kafka", brokers, "--rate", rate())
	if err := generator.Start(); err != nil {
		return fmt.Errorf("start the generator: %w", err)
	}
	defer func() { _ = generator.Wait() }() // it ends with ctx
	listen := "127.0.0.1:" + port()
	serve := command("serve", "--listen", listen)
	stdout, err := serve.StdoutPipe()
	if err != nil {
		return err
	}
	if err := serve.Start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("the service did not start: %w", err), serve.Wait())
	}
	fmt.Fprintf(out, "up: %s, log in with the key %s\n", strings.TrimSpace(address), strings.TrimSpace(string(key)))
	err = serve.Wait()
	if ctx.Err() != nil {
		return nil // it was stopped, and says in the log how that went
	}
	return fmt.Errorf("the service ended: %w", err)
}

func rate() string {
	if v := os.Getenv("GENERATOR_RATE"); v != "" {
		return v
	}
	return "200"
}

func port() string {
	if v := os.Getenv("TRIBUTARY_PORT"); v != "" {
		return v
	}
	return "8080"
}

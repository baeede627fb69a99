package testkit

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Redis is a real redis-server on loopback. It keeps its data over Kill and
// Start when it is told to write an append-only file.
type Redis struct {
	Addr string

	t       testing.TB
	program string
	args    []string
	*Process
}

// StartRedis starts an empty server; args are those of redis-server, such as
// "--maxmemory", "100mb".
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startRedis(t, FreePorts(t, 1)[0], args...)
}

func startRedis(t testing.TB, port int, args ...string) *Redis {
	t.Helper()
	r := &Redis{t: t, program: Program(t, "redis-server", "redis-server", "redis-tools"), Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	r.args = append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--daemonize", "no",
		"--logfile", "", "--protected-mode", "no",
	}, args...)
	r.Start()
	return r
}

// Start starts the server, also again after it was stopped or killed.
func (r *Redis) Start() {
	r.t.Helper()
	r.Process = StartProcess(r.t, "redis-server", r.program, r.args)
	r.WaitReady(2*time.Minute, func(ctx context.Context) error {
		return redisSays(ctx, r.Addr, "PING", "+PONG")
	})
}

// Do sends one command without blanks in its arguments, and gives the first line
// of the answer.
func (r *Redis) Do(command string) string {
	r.t.Helper()
	line, err := redisAsk(r.t.Context(), r.Addr, command)
	if err != nil {
		r.t.Fatalf("%s: %v", command, err)
	}
	return line
}

// redisAsk speaks the inline form of the protocol.
func redisAsk(ctx context.Context, addr, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // one question, one answer
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	return strings.TrimRight(string(b[:n]), "\r\n"), err
}

func redisSays(ctx context.Context, addr, command, want string) error {
	got, err := redisAsk(ctx, addr, command)
	if err == nil && !strings.Contains(got, want) {
		err = fmt.Errorf("%s answers %q; want %q", command, got, want)
	}
	return err
}

// RedisCluster is a cluster of three masters without replicas.
type RedisCluster struct{ Nodes []*Redis }

// StartRedisCluster starts three servers and lets them share the slots.
func StartRedisCluster(t testing.TB) *RedisCluster {
	t.Helper()
	c := &RedisCluster{}
	for range 3 {
		// Nodes talk to each other on the port that is 10,000 higher.
		port := 0
		for port == 0 {
			p := FreePorts(t, 1)[0]
			if p < 50_000 && redisSays(t.Context(), net.JoinHostPort("127.0.0.1", strconv.Itoa(p+10_000)), "PING", "") != nil {
				port = p
			}
		}
		c.Nodes = append(c.Nodes, startRedis(t, port, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"))
	}
	const slots = 16384
	for i, n := range c.Nodes {
		n.Do(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*slots/3, (i+1)*slots/3-1))
		if i > 0 {
			n.Do("CLUSTER MEET " + strings.Replace(c.Nodes[0].Addr, ":", " ", 1))
		}
	}
	for _, n := range c.Nodes {
		n.WaitReady(2*time.Minute, func(ctx context.Context) error { return redisSays(ctx, n.Addr, "CLUSTER INFO", "cluster_state:ok") })
	}
	return c
}

// RedisSentinel is a master with a replica, and three sentinels that watch them
// under the name "mymaster".
type RedisSentinel struct {
	Master, Replica *Redis
	Sentinels       []string
}

// StartRedisSentinel starts all five servers.
func StartRedisSentinel(t testing.TB) *RedisSentinel {
	t.Helper()
	s := &RedisSentinel{Master: StartRedis(t)}
	host, port, _ := net.SplitHostPort(s.Master.Addr)
	s.Replica = StartRedis(t, "--replicaof", host, port)
	s.Replica.WaitReady(2*time.Minute, func(ctx context.Context) error {
		return redisSays(ctx, s.Replica.Addr, "INFO replication", "master_link_status:up")
	})
	program := Program(t, "redis-sentinel", "redis-sentinel")
	for _, p := range FreePorts(t, 3) {
		dir := t.TempDir()
		file := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nprotected-mode no\nsentinel monitor mymaster %s %s 2\nsentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n", p, dir, host, port)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(p))
		proc := StartProcess(t, "redis-sentinel", program, []string{file})
		proc.WaitReady(2*time.Minute, func(ctx context.Context) error { return redisSays(ctx, addr, "PING", "+PONG") })
		s.Sentinels = append(s.Sentinels, addr)
	}
	for _, addr := range s.Sentinels {
		WaitUntil(t, 2*time.Minute, "the sentinels know each other and the replica", func() bool {
			return redisSays(t.Context(), addr, "SENTINEL CKQUORUM mymaster", "+OK") == nil &&
				redisSays(t.Context(), addr, "INFO sentinel", "slaves=1,sentinels=3") == nil
		})
	}
	return s
}

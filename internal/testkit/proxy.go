package testkit

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Proxy passes connections on to a server until it is told to cut them: a
// network that fails at a point of the test's choosing. Any goroutine may use
// it.
type Proxy struct {
	Addr string // where it listens

	to string
	mu struct {
		sync.Mutex
		left  int // answers that still pass; below 0: all
		conns map[net.Conn]bool
	}
	done sync.WaitGroup
}

// NewProxy listens on loopback before the address; it ends with the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: to}
	p.mu.left, p.mu.conns = -1, map[net.Conn]bool{}
	p.done.Go(func() { p.serve(l) })
	t.Cleanup(func() {
		_ = l.Close()
		p.CutAfter(0)
		p.done.Wait()
	})
	return p
}

// CutAfter lets n more answers through, over all connections, and then cuts
// them all and refuses new ones: what was asked last may have been done. With
// n = 0 that is at once.
func (p *Proxy) CutAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.left = n
	if n == 0 {
		p.cutLocked()
	}
}

// Heal lets everything through again.
func (p *Proxy) Heal() {
	p.mu.Lock()
	p.mu.left = -1
	p.mu.Unlock()
}

func (p *Proxy) cutLocked() {
	for c := range p.mu.conns {
		_ = c.Close()
		delete(p.mu.conns, c)
	}
}

func (p *Proxy) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.to)
		if err != nil || !p.keep(c, s) {
			_ = c.Close()
			if s != nil {
				_ = s.Close()
			}
			continue
		}
		p.done.Go(func() { p.pass(s, c, func() bool { return true }) })
		p.done.Go(func() { p.pass(c, s, p.mayPass) })
	}
}

func (p *Proxy) keep(c, s net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.left == 0 {
		return false
	}
	p.mu.conns[c], p.mu.conns[s] = true, true
	return true
}

// mayPass counts an answer.
func (p *Proxy) mayPass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.left < 0 {
		return true
	}
	if p.mu.left == 0 {
		return false
	}
	p.mu.left--
	if p.mu.left > 0 {
		return true
	}
	p.cutLocked() // this one is lost with them
	return false
}

// pass copies one direction, and closes both ends with it.
func (p *Proxy) pass(to, from net.Conn, may func() bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !may() {
				break
			}
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	delete(p.mu.conns, to)
	delete(p.mu.conns, from)
	p.mu.Unlock()
}

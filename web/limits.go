package web

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Limits bound what clients may ask of the server. Those by key and address
// hold where there is a section auth; the one on connections always.
type Limits struct {
	PerKey         int      `yaml:"per_key"`         // requests a second of one key or login
	PerAddress     int      `yaml:"per_address"`     // of one address (of IPv6, one /64)
	Failures       int      `yaml:"failures"`        // wrong keys and failed logins a minute of one address
	Connections    int      `yaml:"connections"`     // open at once
	PerHost        int      `yaml:"per_host"`        // of them, of one address that is not this machine
	TrustedProxies []string `yaml:"trusted_proxies"` // addresses or CIDRs whose X-Forwarded-For is believed
}

// DefaultLimits are wide enough for a busy sender and its dashboard.
func DefaultLimits() Limits {
	return Limits{PerKey: 2000, PerAddress: 4000, Failures: 30, Connections: 16384, PerHost: 4096}
}

// orDefault fills in what is 0.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	l.PerKey, l.PerAddress, l.Failures = cmp.Or(l.PerKey, d.PerKey), cmp.Or(l.PerAddress, d.PerAddress), cmp.Or(l.Failures, d.Failures)
	l.Connections, l.PerHost = cmp.Or(l.Connections, d.Connections), cmp.Or(l.PerHost, d.PerHost)
	return l
}

func (l *Limits) validate() []error {
	var faults []error
	for _, x := range []struct {
		key string
		n   int
	}{{"per_key", l.PerKey}, {"per_address", l.PerAddress}, {"failures", l.Failures}, {"connections", l.Connections}, {"per_host", l.PerHost}} {
		if x.n < 0 || x.n > 1_000_000 {
			faults = append(faults, fmt.Errorf("server.limits.%s: is %d; it must lie between 1 and 1000000, or be 0 for the default", x.key, x.n))
		}
	}
	for _, p := range l.TrustedProxies {
		if _, err := parsePrefix(p); err != nil {
			faults = append(faults, fmt.Errorf("server.limits.trusted_proxies: %q is no address and no CIDR", p))
		}
	}
	return faults
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// limiters are the token buckets of a server.
type limiters struct {
	keys, addresses, failures *tokenBuckets
	proxies                   []netip.Prefix
}

func newLimiters(l Limits, now func() time.Time) *limiters {
	l = l.orDefault()
	out := &limiters{
		keys:      newTokenBuckets(float64(l.PerKey), 2*float64(l.PerKey), now),
		addresses: newTokenBuckets(float64(l.PerAddress), 2*float64(l.PerAddress), now),
		failures:  newTokenBuckets(float64(l.Failures)/60, float64(l.Failures), now),
	}
	for _, p := range l.TrustedProxies {
		if x, err := parsePrefix(p); err == nil { // validated
			out.proxies = append(out.proxies, x)
		}
	}
	return out
}

// Each says how long to wait; 0: go on.
func (l *limiters) key(id string) time.Duration { return l.keys.take(id, 1) }

func (l *limiters) address(a netip.Addr) time.Duration { return l.addresses.take(network(a), 1) }

func (l *limiters) failure(a netip.Addr) time.Duration { return l.failures.take(network(a), 1) }

func (l *limiters) failing(a netip.Addr) (wait time.Duration) { return l.failures.take(network(a), 0) }

// network is what counts as one sender: a household or a data centre gives its
// machines addresses of one /64 as they like.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// clientAddr is where the request comes from: the connection's other end, or
// what trusted proxies say, read from the last one backward.
func (s *Server) clientAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a := ap.Addr().Unmap().WithZone("")
	if len(s.limits.proxies) == 0 {
		return a
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.limits.trusted(a); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		a = hop.Unmap().WithZone("")
	}
	return a
}

func (l *limiters) trusted(a netip.Addr) bool {
	for _, p := range l.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// maxBuckets bounds the memory of one kind of limit: about 8 MB. When they are
// all in use, strangers share one bucket rather than none.
const maxBuckets = 64 << 10

// tokenBuckets are token buckets by name.
type tokenBuckets struct {
	rate, burst float64
	now         func() time.Time
	mu          struct {
		sync.Mutex
		byName map[string]*bucket
		rest   bucket
		swept  time.Time
	}
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newTokenBuckets(rate, burst float64, now func() time.Time) *tokenBuckets {
	b := &tokenBuckets{rate: rate, burst: burst, now: now}
	b.mu.byName = map[string]*bucket{}
	b.mu.rest = bucket{tokens: burst}
	return b
}

// take takes n tokens, and says how long to wait when there are none. Of 0 it
// only looks.
func (b *tokenBuckets) take(name string, n float64) time.Duration {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.mu.byName[name]
	if x == nil {
		if n == 0 {
			return 0
		}
		if len(b.mu.byName) >= maxBuckets {
			b.sweepLocked(now)
		}
		if len(b.mu.byName) >= maxBuckets {
			x = &b.mu.rest
		} else {
			x = &bucket{tokens: b.burst, at: now}
			b.mu.byName[name] = x
		}
	}
	if d := now.Sub(x.at); d > 0 {
		x.tokens, x.at = min(b.burst, x.tokens+b.rate*d.Seconds()), now
	}
	if x.tokens < 1 {
		return max(time.Millisecond, time.Duration((1-x.tokens)/b.rate*float64(time.Second)))
	}
	x.tokens -= n
	return 0
}

// sweepLocked forgets who has all tokens again, at most once a second: it walks
// over everything.
func (b *tokenBuckets) sweepLocked(now time.Time) {
	if now.Sub(b.mu.swept) < time.Second {
		return
	}
	b.mu.swept = now
	for name, x := range b.mu.byName {
		if x.tokens+b.rate*now.Sub(x.at).Seconds() >= b.burst {
			delete(b.mu.byName, name)
		}
	}
}

// limitedListener closes connections beyond the limits at once: each costs a
// goroutine and buffers for as long as it is open.
type limitedListener struct {
	net.Listener
	limits  Limits
	refused func()
	mu      sync.Mutex
	open    int
	byHost  map[netip.Addr]int
}

func newLimitedListener(l net.Listener, limits Limits, refused func()) *limitedListener {
	return &limitedListener{Listener: l, limits: limits.orDefault(), refused: refused, byHost: map[netip.Addr]int{}}
}

// Accept gives the next connection that is within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := hostOf(c.RemoteAddr())
		if l.enter(host) {
			return &limitedConn{Conn: c, leave: func() { l.left(host) }}, nil
		}
		l.refused()
		_ = c.Close() // nothing was promised to it
	}
}

func hostOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (l *limitedListener) enter(host netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.limits.Connections || !host.IsLoopback() && l.byHost[host] >= l.limits.PerHost {
		return false
	}
	l.open++
	l.byHost[host]++
	return true
}

func (l *limitedListener) left(host netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.byHost[host]--; l.byHost[host] <= 0 {
		delete(l.byHost, host)
	}
}

type limitedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}

// localOnly refuses requests to an open server that name another host: a page
// of any site could let its own name lead to this machine and read everything.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.Trim(strings.ToLower(strings.TrimSuffix(host, ".")), "[]")
		a, err := netip.ParseAddr(host)
		if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && a.IsLoopback() {
			next.ServeHTTP(w, r)
			return
		}
		newProblem(http.StatusMisdirectedRequest, "not_local", "this server asks for no login, so it answers only to names of this machine, such as localhost; for others add a section auth and send a key").write(w, r)
	})
}

// Package web is the HTTP side of the program: the collector, the REST answers,
// the live page, health and metrics. It owns no data: it asks a View, declared
// here and implemented by the engine, and hands records to a Collector.
//
// Invariants:
//  1. No answer to a collector request leaves before Collect has returned.
//  2. Money and rates are computed from integers; amounts of different
//     currencies are never added.
//  3. What a request can make the server hold is bounded: bodies by a budget
//     shared by all, answers by limits on rows and points.
//  4. Every route and parameter stands in the route table (routes.go), which
//     makes the router, the parameter check and the OpenAPI document.
package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Config is the section `server`.
type Config struct {
	Listen string `yaml:"listen"` // host:port; port 0 picks a free one
	Limits Limits `yaml:"limits"`

	AllowedOrigins []string `yaml:"allowed_origins"`  // pages of these origins may read the API, connect to the live feed and send events
	MaxLiveClients int      `yaml:"max_live_clients"` // sockets and streams at a time; 0: 1000
}

// maxLiveClients is how many clients of the live feed are let in by default.
const maxLiveClients = 1000

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:8080", Limits: DefaultLimits(), MaxLiveClients: maxLiveClients}
}

// Validate says what is wrong with the section.
func (c Config) Validate() error {
	faults := append(c.Limits.validate(), c.validateLive()...)
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return errors.Join(append(faults, fmt.Errorf("server.listen: %q is not host:port, such as 127.0.0.1:8080", c.Listen))...)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		faults = append(faults, fmt.Errorf("server.listen: %q is not a port from 0 to 65535", port))
	}
	return errors.Join(faults...)
}

// Local says whether only programs of this machine can reach the address.
func (c Config) Local() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	a, parsed := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || parsed == nil && a.Unmap().IsLoopback())
}

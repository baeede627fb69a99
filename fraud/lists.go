package fraud

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// Lists are the lists of tier 1: patterns of User-Agents, and ranges of
// addresses. They never change once loaded, so any number of goroutines may use
// them; to change a list, load anew.
type Lists struct {
	bots    patterns
	block   ranges
	hosting ranges
	allow   ranges // what lies here is neither blocked nor hosting
	version string
	entries map[string]int // by the list's name: lines that are neither blank nor comments
}

//go:embed data/*.txt
var builtin embed.FS

// LoadLists reads the lists that cfg names; relative names begin at dir, that
// of the configuration file. All faults are reported, each with file and line.
func LoadLists(cfg ListsConfig, dir string) (*Lists, error) {
	l := &Lists{entries: map[string]int{}}
	sum := sha256.New()
	var faults []error
	for _, list := range []struct {
		name  string
		files []string
		add   func(line string) error
	}{
		{"bot_user_agents", cfg.BotUserAgents, l.bots.add},
		{"block_ips", cfg.BlockIPs, l.block.add},
		{"hosting_ips", cfg.HostingIPs, l.hosting.add},
		{"allow_ips", cfg.AllowIPs, l.allow.add},
	} {
		fmt.Fprintf(sum, "%s\n", list.name)
		read := func(label, text string) {
			// Contents alone: the same lists in another place are the same version.
			fmt.Fprintf(sum, "%d\n%s", len(text), text)
			faults = append(faults, addLines(label, text, func(line string) error {
				l.entries[list.name]++
				return list.add(line)
			})...)
		}
		if cfg.Builtin {
			name := "data/" + list.name + ".txt"
			text, err := builtin.ReadFile(name)
			if err != nil {
				panic("BUG: the list " + name + " is not embedded")
			}
			read("builtin "+list.name, string(text))
		}
		for i, file := range list.files {
			path := file
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, file)
			}
			text, err := readList(path)
			if err != nil {
				faults = append(faults, fmt.Errorf("fraud.lists.%s[%d]: %w", list.name, i, err))
				continue
			}
			read(path, text)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	l.bots.ready()
	for _, r := range []*ranges{&l.block, &l.hosting, &l.allow} {
		r.ready()
	}
	l.version = hex.EncodeToString(sum.Sum(nil)[:6])
	return l, nil
}

// maxList is the greatest size of a list file; the largest public ones have a
// few megabytes.
const maxList = 64 << 20

func readList(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxList {
		return "", fmt.Errorf("%s is larger than 64 MiB; is it a list?", path)
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// addLines hands every line to add that is neither blank nor a comment.
func addLines(label, text string, add func(string) error) (faults []error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if err := add(line); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", label, n, err))
		}
	}
	return faults
}

// Judge gives the reasons of tier 1 that apply to the event, whatever their
// modes. The cache may be nil; it belongs to the calling goroutine.
func (l *Lists) Judge(e *event.Event, cache *UACache) event.Reasons {
	var found event.Reasons
	if l == nil {
		return 0
	}
	seen := e.Kind == event.Impression || e.Kind == event.Click
	switch e.Kind {
	case event.Impression, event.Click, event.Behavioural:
		if e.UserAgent != "" && l.bot(e.UserAgent, cache) {
			found |= event.BotUserAgent.Set()
		}
	case event.Conversion:
	default:
		return 0
	}
	if !e.IP.IsValid() {
		return found
	}
	blocked, hosting := l.block.contains(e.IP), seen && l.hosting.contains(e.IP)
	if (blocked || hosting) && !l.allow.contains(e.IP) {
		found = found.With(event.BlockedIP, blocked).With(event.DatacenterIP, hosting)
	}
	return found
}

// Version is a short hash of what the lists hold.
func (l *Lists) Version() string { return l.version }

// Entries is how many entries a list has, by its name in the configuration.
func (l *Lists) Entries(name string) int { return l.entries[name] }

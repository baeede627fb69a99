package oracle

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// Lists are the lists of tier 1.
type Lists struct {
	Bots                  []*regexp.Regexp
	Block, Hosting, Allow []netip.Prefix
}

// LoadLists reads list files; names are relative to dir.
func LoadLists(dir string, bots, block, hosting, allow []string) (*Lists, error) {
	var l Lists
	lines := func(names []string, take func(string) error) error {
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(b)) {
				line = strings.TrimRight(line, "\r\n")
				if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
					continue
				}
				if err := take(line); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		return nil
	}
	prefixes := func(to *[]netip.Prefix) func(string) error {
		return func(line string) error {
			line = strings.TrimSpace(line)
			if a, err := netip.ParseAddr(line); err == nil {
				*to = append(*to, netip.PrefixFrom(a, a.BitLen()))
				return nil
			}
			p, err := netip.ParsePrefix(line)
			*to = append(*to, p)
			return err
		}
	}
	for _, step := range []struct {
		names []string
		take  func(string) error
	}{
		{bots, func(line string) error {
			re, err := regexp.Compile(line)
			l.Bots = append(l.Bots, re)
			return err
		}},
		{block, prefixes(&l.Block)},
		{hosting, prefixes(&l.Hosting)},
		{allow, prefixes(&l.Allow)},
	} {
		if err := lines(step.names, step.take); err != nil {
			return nil, err
		}
	}
	return &l, nil
}

// Reasons are those of tier 1 that apply to the event, whatever the mode of
// their rules.
func (l *Lists) Reasons(e *event.Event) event.Reasons {
	in := func(prefixes []netip.Prefix) bool {
		for _, p := range prefixes {
			if e.IP.IsValid() && p.Contains(e.IP) {
				return true
			}
		}
		return false
	}
	bot := false
	for _, re := range l.Bots {
		bot = bot || e.UserAgent != "" && re.MatchString(e.UserAgent)
	}
	delivery := e.Kind == event.Impression || e.Kind == event.Click
	var s event.Reasons
	s = s.With(event.BotUserAgent, bot && (delivery || e.Kind == event.Behavioural))
	s = s.With(event.BlockedIP, in(l.Block) && !in(l.Allow) && (delivery || e.Kind == event.Behavioural || e.Kind == event.Conversion))
	return s.With(event.DatacenterIP, in(l.Hosting) && !in(l.Allow) && delivery)
}

// DecodeFile reads the records of an NDJSON file, also gzipped.
func DecodeFile(d Decoding, path string) ([]event.Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if b, err = io.ReadAll(z); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	base := filepath.Base(path)
	implied := ""
	for _, t := range []string{"impression", "click", "conversion"} {
		if strings.HasPrefix(base, t+"s") {
			implied = t
		}
	}
	var out []event.Record
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	for n, line := range bytes.Split(b, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(bytes.Trim(line, " \t\r")) == 0 {
			continue
		}
		pos := event.Position{Prefix: base + ":", N: int64(n + 1)}
		out = append(out, DecodeRecord(d, line, pos, implied))
	}
	return out, nil
}

// ReplayFiles is replay as a whole: each file is one input.
func ReplayFiles(cfg Config, d Decoding, files ...string) (*Result, error) {
	var inputs [][]event.Record
	for _, f := range files {
		recs, err := DecodeFile(d, f)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, recs)
	}
	return Run(cfg, Replay(cfg, inputs)), nil
}
